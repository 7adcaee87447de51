// Two tables: what each would choose, and the ratio of the times.
import * as Plot from '@observablehq/plot';

import {scale} from './colours.js';
import {h} from './dom.js';
import * as format from './format.js';
import {table} from './table.js';

const state = (row) =>
    (!row.before            ? 'added' :
         !row.after         ? 'removed' :
         row.config_changed ? 'other config' :
                              'same config');
const distance = (row) => (row.ratio ? Math.abs(Math.log(row.ratio)) : -1);

function chart(rows) {
  const sorted = [...rows].sort((a, b) => a.ratio - b.ratio).map((row, rank) => ({...row, rank: rank + 1}));
  return h('figure', {class: 'plot'}, Plot.plot({
    width: 1100,
    height: 280,
    marginLeft: 60,
    marginBottom: 48,
    color: {...scale([...new Set(rows.map((r) => r.device))]), legend: true},
    symbol: {domain: ['same config', 'other config'], range: ['circle', 'plus'], legend: true},
    x: {label: 'problems, by ratio →', labelOffset: 40, domain: [0, sorted.length + 1]},
    y: {type: 'log', label: '↑ after / before', grid: true, tickFormat: '~r'},
    marks: [
      Plot.ruleY([1], {stroke: 'currentColor'}), Plot.dot(sorted, {
        x: 'rank',
        y: 'ratio',
        fill: 'device',
        r: 4,
        symbol: (d) => (d.config_changed ? 'other config' : 'same config'),
        title: (d) => `${d.problem}\n${format.time(d.before.ns)} → ${format.time(d.after.ns)}\n${
            format.config(d.before.config)} → ${format.config(d.after.config)}`,
        tip: true
      })
    ],
  }));
}

export function comparisonSection(comparison) {
  const timed = comparison.rows.filter((row) => row.ratio);
  const faster = timed.filter((row) => row.ratio < 0.99).length,
        slower = timed.filter((row) => row.ratio > 1.01).length;
  const changed = comparison.rows.filter((row) => row.config_changed).length;
  const rows = [...comparison.rows].sort((a, b) => distance(b) - distance(a));
  return h(
      'section', {id: 'comparison'}, h('h2', {}, 'Comparison'),
      h('p', {class: 'lead'},
        `${comparison.after} against ${comparison.before}: ${comparison.compared} problems in both, ${
            faster} over 1 % faster, ${slower} over 1 % slower, ${changed} with another config` +
            (comparison.geometric_mean ? `; geometric mean of the ratios ${format.ratio(comparison.geometric_mean)}.` :
                                         '.')),
      timed.length ? chart(timed) : null,
      table(
          [
            {name: 'Problem', value: (r) => r.problem, show: (r) => h('code', {}, r.problem)},
            {name: 'Device', value: (r) => r.device},
            {name: 'Before', number: true, value: (r) => r.before?.ns, show: (r) => format.time(r.before?.ns)},
            {name: 'After', number: true, value: (r) => r.after?.ns, show: (r) => format.time(r.after?.ns)},
            {
              name: 'After / before',
              number: true,
              value: (r) => r.ratio,
              show: (r) =>
                  h('span',
                    {class: r.ratio < 0.99 ? 'good' :
                         r.ratio > 1.01    ? 'bad' :
                                             null},
                    format.ratio(r.ratio))
            },
            {name: 'State', value: state},
            {
              name: 'Config before',
              value: (r) => (r.before ? format.config(r.before.config) : ''),
              show: (r) => h('code', {}, r.before ? format.config(r.before.config) : '')
            },
            {
              name: 'Config after',
              value: (r) => (r.after ? format.config(r.after.config) : ''),
              show: (r) => h('code', {}, r.after ? format.config(r.after.config) : '')
            },
          ],
          rows, {caption: 'compared problems'}),
      comparison.others.length ? h('div', {}, h('h3', {}, 'Devices, transfers, plans'),
                                   table(
                                       [
                                         {name: 'What', value: (o) => o.what},
                                         {name: 'Change', value: (o) => o.kind},
                                         {name: 'Name', value: (o) => o.name},
                                         {name: 'Before', value: (o) => o.before, show: (o) => h('code', {}, o.before)},
                                         {name: 'After', value: (o) => o.after, show: (o) => h('code', {}, o.after)},
                                       ],
                                       comparison.others, {caption: 'other differences'})) :
                                 null);
}
