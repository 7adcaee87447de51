// Whole plans that the tuner raced: which one won, by how much, and how well it was predicted.
import * as Plot from '@observablehq/plot';

import {h} from './dom.js';
import * as format from './format.js';
import {table} from './table.js';

const interval = (c) =>
    (c.winner_ratio_low > 0 && isFinite(c.winner_ratio_high) ?
         `${c.winner_ratio_low.toFixed(3)} to ${c.winner_ratio_high.toFixed(3)}` :
         '–');
const off = (c) => (c.predicted_ns > 0 && c.measured_ns > 0 ? c.measured_ns / c.predicted_ns : undefined);

function chart(race) {
  const bars = race.candidates.flatMap(
      (c) => [['measured', c.measured_ns], ['predicted', c.predicted_ns]]
                 .filter(([, ns]) => ns > 0)
                 .map(([what, ns]) => ({name: c.name, what, us: ns / 1e3})));
  return h('figure', {class: 'plot'}, Plot.plot({
    width: 1100,
    height: 70 + 46 * race.candidates.length,
    marginLeft: 170,
    marginBottom: 48,
    x: {label: 'µs →', labelOffset: 40, grid: true},
    y: {axis: null, domain: ['measured', 'predicted']},
    fy: {
      label: null,
      domain: race.candidates.map((c) => c.name),
      axis: 'left',
      tickFormat: (name) => (name === race.winner ? `${name} (chosen)` : name)
    },
    color: {domain: ['measured', 'predicted'], range: ['var(--d0)', 'var(--d7)'], legend: true},
    marks: [Plot.barX(bars, {
      x: 'us',
      y: 'what',
      fy: 'name',
      fill: 'what',
      title: (b) => `${b.name}, ${b.what}: ${format.time(b.us * 1e3)}`,
      tip: true
    })],
  }));
}

function one(race) {
  return h(
      'div', {class: 'panel'}, h('h3', {}, nameOf(race)), chart(race),
      table(
          [
            {name: 'Plan', value: (c) => c.name, show: (c) => `${c.name}${c.name === race.winner ? ' ← chosen' : ''}`},
            {name: 'Devices', value: (c) => (c.devices ?? []).join(', ') || 'any'},
            {
              name: 'Predicted',
              number: true,
              value: (c) => c.predicted_ns || undefined,
              show: (c) => format.time(c.predicted_ns || undefined)
            },
            {
              name: 'Measured',
              number: true,
              value: (c) => c.measured_ns || undefined,
              show: (c) => format.time(c.measured_ns || undefined)
            },
            {name: 'Measured / predicted', number: true, value: off, show: (c) => format.ratio(off(c))},
            {
              name: 'Chosen / this',
              number: true,
              value: (c) => c.winner_ratio,
              show: (c) => format.ratio(c.winner_ratio)
            },
            {name: '95 %', value: interval},
            {name: 'Runs', number: true, value: (c) => c.runs},
          ],
          race.candidates, {caption: `plans of ${nameOf(race)}`, chosen: (c) => c.name === race.winner}));
}

// A stage has a name of its own; a plan with an error stands beside the exact one.
const nameOf = (race) => `${race.name ?? race.model}${race.row?.error > 0 ? ' within the error budget' : ''}`;

export function racesSection(facts) {
  const latest = new Map();  // a plan that was raced again replaces the one before
  for (const note of facts.notes)
    if (note.kind === 'plan' && Array.isArray(note.candidates))
      latest.set(`${note.model} ${note.row?.graph_hash} ${note.row?.error > 0}`, note);
  if (!latest.size) return null;
  return h(
      'section', {id: 'races'}, h('h2', {}, 'Plans that were raced'),
      h('p', {class: 'lead'},
        'Whole plans, run in turns. A mix of devices is chosen only where it is surely faster than the best device alone.'),
      ...[...latest.values()].map(one));
}
