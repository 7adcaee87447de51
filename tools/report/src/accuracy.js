// Predicted against measured, per node and per segment.
import * as Plot from '@observablehq/plot';

import {scale} from './colours.js';
import {h} from './dom.js';
import * as format from './format.js';
import {table} from './table.js';

const median = (values) => {
  const v = [...values].sort((a, b) => a - b);
  return v.length ? v[Math.floor((v.length - 1) / 2)] : NaN;
};
const both = (row) => row.predicted_ns > 0 && row.measured_ns > 0;
const ratioOf = (row) => (both(row) ? row.measured_ns / row.predicted_ns : undefined);

function scatter(nodes) {
  const ends = [
    Math.min(...nodes.flatMap((n) => [n.predicted_ns, n.measured_ns])),
    Math.max(...nodes.flatMap((n) => [n.predicted_ns, n.measured_ns]))
  ].map((v) => v / 1e3);
  const devices = [...new Set(nodes.map((n) => n.device))];
  return h('figure', {class: 'plot'}, Plot.plot({
    width: 560,
    height: 470,
    marginLeft: 60,
    marginBottom: 50,
    grid: true,
    x: {type: 'log', label: 'predicted, µs →', labelOffset: 42, tickFormat: '~s'},
    y: {type: 'log', label: '↑ measured, µs', tickFormat: '~s'},
    color: {...scale(devices), legend: true},
    marks: [
      Plot.line([[ends[0], ends[0]], [ends[1], ends[1]]], {stroke: 'currentColor', strokeOpacity: 0.6}),
      ...[0.9, 1.1].map(
          (f) => Plot.line(
              [[ends[0], ends[0] * f], [ends[1], ends[1] * f]],
              {stroke: 'currentColor', strokeOpacity: 0.35, strokeDasharray: '4 3'})),
      Plot.dot(nodes, {
        x: (d) => d.predicted_ns / 1e3,
        y: (d) => d.measured_ns / 1e3,
        fill: 'device',
        fillOpacity: 0.75,
        r: 4,
        title: (d) => `${d.name}\n${d.op} on ${d.device}\npredicted ${format.time(d.predicted_ns)} (${
            d.provenance ?? 'estimate'})\nmeasured ${format.time(d.measured_ns)}`,
        tip: true
      }),
    ],
  }));
}

export function accuracySection(session) {
  const nodes = session.nodes.filter(both);
  const logs = nodes.map((n) => Math.abs(Math.log(ratioOf(n))));
  const sum = (key) => nodes.reduce((total, n) => total + n[key], 0);
  const near = nodes.filter((n) => Math.abs(ratioOf(n) - 1) <= 0.1).length;
  const columns = (first) =>
      [...first,
       {name: 'Predicted', number: true, value: (n) => n.predicted_ns, show: (n) => format.time(n.predicted_ns)},
       {name: 'Measured', number: true, value: (n) => n.measured_ns, show: (n) => format.time(n.measured_ns)},
       {name: 'Measured / predicted', number: true, value: ratioOf, show: (n) => format.ratio(ratioOf(n))}];
  const card = (figure, what) =>
      h('div', {class: 'card'}, h('div', {class: 'figure'}, figure), h('div', {class: 'what'}, what));
  return h(
      'section', {id: 'accuracy'}, h('h2', {}, 'Predicted and measured'),
      h('p', {class: 'lead'},
        'Medians over the traced runs. Dashed lines: 10 % off. A node that its device does not time has no measured time.'),
      h('div', {class: 'cards'},
        session.cost.predicted_ns && session.run_ns ?
            card(
                `${format.time(session.cost.predicted_ns)} → ${format.time(session.run_ns)}`,
                `a whole run, predicted → measured: ${format.ratio(session.run_ns / session.cost.predicted_ns)}`) :
            null,
        card(nodes.length ? format.time(sum('predicted_ns')) : '–', 'predicted, summed over the nodes below'),
        card(nodes.length ? format.time(sum('measured_ns')) : '–', 'measured, the same nodes'),
        card(nodes.length ? `${near} of ${nodes.length}` : '–', 'nodes within 10 %'),
        card(nodes.length ? format.percent(Math.exp(median(logs)) - 1) : '–', 'median distance')),
      h('div', {class: 'plots'}, nodes.length ? scatter(nodes) : h('p', {}, 'No node has both times.'),
        h('div', {}, h('h3', {}, 'Segments'),
          table(
              columns([
                {name: 'Segment', number: true, value: (s) => s.segment}, {name: 'Device', value: (s) => s.device},
                {name: 'Nodes', number: true, value: (s) => s.nodes}
              ]),
              session.segments, {caption: 'segments'}))),
      h('h3', {}, 'Nodes'),
      table(
          columns([
            {name: 'Node', value: (n) => n.name}, {name: 'Op', value: (n) => n.op},
            {name: 'Device', value: (n) => n.device}, {name: 'Provenance', value: (n) => n.provenance ?? 'estimate'},
            {name: 'Config', value: (n) => n.config ?? ''}
          ]),
          session.nodes, {caption: 'nodes', sort: {column: 6, down: true}}));
}
