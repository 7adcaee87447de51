// Per problem: what the configs took, how the search went, which parameters matter.
import * as Plot from '@observablehq/plot';

import {colour} from './colours.js';
import {button, h} from './dom.js';
import * as format from './format.js';
import {table} from './table.js';

const mostDots = 500;
const bottom = {
  marginBottom: 54
};

// A device changes its pace from minute to minute, and ratios are of paired runs: so a config's time is its ratio times
// the default's time, where both are known.
const fair = (c, problem) => (c.ratio > 0 && problem.default_ns > 0 ? c.ratio * problem.default_ns : c.ns);
const works = (problem) => problem.configs.filter((c) => c.ending === 'measured' && fair(c, problem) > 0);
const gain = (problem) =>
    (problem.default_ns && problem.choice_ns ? problem.default_ns / problem.choice_ns : undefined);

function distribution(problem) {
  const configs = works(problem).map((c) => ({...c, us: fair(c, problem) / 1e3}));
  if (!configs.length) return h('p', {}, 'No config was measured.');
  const marked = [
    {us: problem.default_ns / 1e3, text: 'default'},
    {us: problem.default_ns ? problem.ratio * problem.default_ns / 1e3 : problem.choice_ns / 1e3, text: 'choice'}
  ].filter((m) => m.us > 0 && !(m.text === 'choice' && problem.choice_is_default));
  const times = configs.map((c) => c.us);
  const x = {
    type: Math.max(...times) / Math.min(...times) > 8 ? 'log' : 'linear',
    label: 'time, µs →',
    labelOffset: 46,
    grid: true,
    nice: true,
    tickFormat: '~s'
  };
  const title = (c) => `${format.config(c.config)}\n${format.time(c.us * 1e3)}${
      c.ratio ? `, ${format.ratio(c.ratio)} the default's` : ''}${c.runs ? `, ${format.count(c.runs, 'run')}` : ''}`;
  const dots = configs.length <= mostDots ?
      Plot.dot(configs, Plot.dodgeY({
        x: 'us',
        anchor: 'middle',
        r: configs.length > 150 ? 2.2 : 4,
        fill: colour(problem.device),
        fillOpacity: 0.8,
        title,
        tip: true
      })) :
      Plot.rectY(configs, Plot.binX({y: 'count'}, {x: 'us', thresholds: 60, fill: colour(problem.device)}));
  return Plot.plot({
    width: 560,
    height: 250,
    marginTop: 34,
    ...bottom,
    x,
    y: {axis: null},
    marks: [
      dots, Plot.ruleX(marked, {
        x: 'us',
        stroke: (m) => m.text,
        strokeWidth: 2,
        strokeDasharray: (m) => (m.text === 'default' ? '5 4' : '')
      }),
      ...marked.map(
          (m, i) => Plot.text(
              [m], {x: 'us', frameAnchor: 'top', dy: i ? -10 : -22, text: 'text', fill: 'text', fontWeight: 600}))
    ],
    color: {domain: ['default', 'choice'], range: ['var(--muted)', 'var(--critical)']}
  });
}

function curve(problem) {
  const last = Math.max(problem.trials, ...problem.curve.map(([trial]) => trial));
  const points = problem.curve.map(([trial, ns]) => ({trial, us: ns / 1e3}));
  const line = [...points, {trial: last, us: points[points.length - 1].us}];
  return Plot.plot({
    width: 560,
    height: 250,
    marginLeft: 60,
    marginTop: 34,
    ...bottom,
    x: {label: 'configs tried →', labelOffset: 46, domain: [1, Math.max(2, last)]},
    y: {label: '↑ best so far, µs', grid: true, zero: false, nice: true},
    marks: [
      Plot.ruleY([problem.default_ns / 1e3], {stroke: 'var(--muted)', strokeDasharray: '5 4'}),
      Plot.lineY(line, {x: 'trial', y: 'us', curve: 'step-after', stroke: colour(problem.device), strokeWidth: 2}),
      Plot.dot(points, {
        x: 'trial',
        y: 'us',
        fill: colour(problem.device),
        r: 3,
        title: (p) => `${p.trial} tried\n${format.time(p.us * 1e3)}`,
        tip: true
      })
    ]
  });
}

const importance = (problem) => Plot.plot({
  width: 560,
  height: 80 + 26 * problem.importance.length,
  marginLeft: 130,
  ...bottom,
  x: {domain: [0, 1], label: 'share of the variance of log times →', labelOffset: 46, tickFormat: '%', grid: true},
  y: {domain: problem.importance.map((i) => i.parameter), label: null},
  marks: [Plot.barX(problem.importance, {
    x: 'share',
    y: 'parameter',
    fill: colour(problem.device),
    title: (i) => `${format.percent(i.share)}, ${format.count(i.values, 'value')}`,
    tip: true
  })]
});

const figure = (title, plot) => h('figure', {class: 'plot'}, h('h3', {}, title), plot);

function configs(problem) {
  return table(
      [
        {
          name: 'Config',
          value: (c) => format.config(c.config),
          show: (c) =>
              h('code', {},
                format.config(c.config) +
                    (c.choice      ? ' ← choice' :
                         c.default ? ' ← default' :
                                     ''))
        },
        {name: 'Time', number: true, value: (c) => c.ns, show: (c) => format.time(c.ns)},
        {name: 'Spread', number: true, value: (c) => c.mad_ns, show: (c) => format.time(c.mad_ns)},
        {name: 'To default', number: true, value: (c) => c.ratio, show: (c) => format.ratio(c.ratio)},
        {name: '95 % below', number: true, value: (c) => c.ratio_high, show: (c) => format.ratio(c.ratio_high)},
        {name: 'Runs', number: true, value: (c) => c.runs},
        {name: 'Tried as', number: true, value: (c) => c.order},
        {
          name: 'Ending',
          value: (c) => c.ending,
          show: (c) => h('span', {class: c.ending === 'measured' ? null : 'bad'}, c.ending)
        },
      ],
      problem.configs, {caption: 'configs', chosen: (c) => c.choice, sort: {column: 3, down: false}});
}

function detail(problem) {
  return h(
      'div', {class: 'panel', id: 'problem'}, h('h3', {}, h('code', {}, problem.problem)),
      h('p', {}, h('span', {class: 'swatch', style: `background:${colour(problem.device)}`}), problem.device, ': ',
        problem.choice_is_default ?
            'the default stays' :
            h('span', {}, h('code', {}, problem.choice),
              ` is chosen, ${format.time(problem.choice_ns)} against the default's ${format.time(problem.default_ns)}`),
        problem.failed ? h('span', {class: 'bad'}, `, ${format.count(problem.failed, 'config')} failed`) : null, '.'),
      h('div', {class: 'plots'}, figure('Times of the configs', distribution(problem)),
        problem.curve.length ? figure('Best so far', curve(problem)) : null,
        problem.importance.length ?
            h('div', {}, figure('What the parameters explain', importance(problem)),
              h('p', {class: 'muted'}, 'Each parameter\'s main effect alone; the rest is interactions and noise.')) :
            null),
      h('p', {class: 'muted'},
        'In the charts, times are ratios to the default, from paired runs, times the default\'s time. A config with few runs may owe its place to luck; the choice is the one whose 95 % interval ends lowest.'),
      configs(problem));
}

export function problemsSection(facts) {
  const holder = h('div', {'aria-live': 'polite'});
  const open = (problem) => holder.replaceChildren(detail(problem));
  const rows =
      table(
          [
            {
              name: 'Problem',
              value: (p) => p.problem,
              show: (p) =>
                  h('button', {
                    type: 'button',
                    class: 'link mono',
                    onclick: () => {
                      open(p);
                      holder.scrollIntoView({block: 'start'});
                    }
                  },
                    p.problem)
            },
            {
              name: 'Device',
              nowrap: true,
              value: (p) => p.device,
              show: (p) =>
                  h('span', {}, h('span', {class: 'swatch', style: `background:${colour(p.device)}`}), p.device)
            },
            {name: 'Configs', number: true, value: (p) => p.configs.length},
            {
              name: 'Failed',
              number: true,
              value: (p) => p.failed,
              show: (p) => h('span', {class: p.failed ? 'bad' : null}, String(p.failed))
            },
            {name: 'Default', number: true, value: (p) => p.default_ns, show: (p) => format.time(p.default_ns)},
            {name: 'Choice', number: true, value: (p) => p.choice_ns, show: (p) => format.time(p.choice_ns)},
            {
              name: 'Faster',
              number: true,
              value: gain,
              show: (p) => h('span', {class: gain(p) > 1.01 ? 'good' : null}, format.ratio(gain(p)))
            },
            {
              name: 'Chosen config',
              value: (p) => (p.choice_is_default ? '(default)' : p.choice),
              show: (p) => h('code', {}, p.choice_is_default ? '(default)' : p.choice)
            },
          ],
          facts.problems, {caption: 'problems', sort: {column: 6, down: true}});
  const first = [...facts.problems].sort((a, b) => b.configs.length - a.configs.length)[0];
  if (first) open(first);
  return h(
      'section', {id: 'problems'}, h('h2', {}, 'Problems'),
      h('p', {class: 'lead'}, 'A problem is all that a kernel\'s speed depends on. Choose one to see its configs.'),
      rows, holder);
}

// Every config that did not work, with the reason.
export function failuresSection(facts) {
  const failures = facts.problems.flatMap(
      (problem) => problem.configs.filter((c) => c.ending !== 'measured').map((c) => ({...c, problem})));
  failures.push(...facts.left_out.map((l) => ({ending: 'left out', config: '', reason: l.reason, problem: l})));
  if (!failures.length) return null;
  const kinds = [...new Set(failures.map((f) => f.ending))].sort();
  return h(
      'section', {id: 'failures'}, h('h2', {}, 'Failures'),
      h('p', {class: 'lead'},
        `${
            kinds.map((kind) => `${failures.filter((f) => f.ending === kind).length} ${kind}`)
                .join(', ')}. None of them is ever chosen.`),
      table(
          [
            {name: 'Ending', value: (f) => f.ending, show: (f) => h('span', {class: 'bad'}, f.ending)},
            {
              name: 'Config',
              value: (f) => format.config(f.config),
              show: (f) => h('code', {}, format.config(f.config))
            },
            {name: 'Reason', value: (f) => f.reason ?? ''},
            {
              name: 'Strikes',
              number: true,
              value: (f) => f.strikes ?? 0,
              show: (f) => `${f.strikes ?? 0}${f.banned ? ', banned' : ''}`
            },
            {name: 'Problem', value: (f) => f.problem.problem, show: (f) => h('code', {}, f.problem.problem)},
            {name: 'Device', value: (f) => f.problem.device},
          ],
          failures, {caption: 'failures'}));
}
