// A traced run: what each device and the host did, and when.
import * as Plot from '@observablehq/plot';

import {scale} from './colours.js';
import {nodeDetails} from './details.js';
import {button, h} from './dom.js';
import * as format from './format.js';
import {table} from './table.js';

const places = {
  segment: 'segments',
  node: 'nodes',
  transfer: 'transfers',
  submit: 'submits',
  wait: 'waits'
};
const least = 0.0005;  // of the width: what is shorter is drawn this long

const track = (event) => `${event.device} ${places[event.kind]}`;
const title = (event) => [event.name, event.detail,
                          `${format.time(event.end_ns - event.begin_ns)} from ${format.time(event.begin_ns)}`,
                          event.bytes ? format.bytes(event.bytes) : null]
                             .filter(Boolean)
                             .join('\n');

export function timelineSection(session) {
  const events = session.events.filter((event) => places[event.kind]);
  const end = Math.max(1, ...session.events.map((event) => event.end_ns));
  const tracks = [...new Set(events.map(track))].sort();
  const devices = [...new Set(events.map((event) => event.device))];
  const byName = new Map(session.nodes.map((node) => [node.name, node]));
  const holder = h('div', {class: 'plot timeline'});
  const details = h('div', {'aria-live': 'polite'});
  let from = 0, to = end, pointed = null;

  function draw() {
    const shown = events.filter((event) => event.end_ns >= from && event.begin_ns <= to);
    const shortest = (to - from) * least;
    const chart = Plot.plot({
      width: 1250,
      height: 80 + 34 * tracks.length,
      marginLeft: 170,
      marginBottom: 48,
      x: {domain: [from / 1e3, to / 1e3], label: 'µs →', labelOffset: 40, grid: true},
      y: {domain: tracks, label: null, tickSize: 0},
      color: {...scale(devices), legend: true},
      marks: [
        Plot.barX(shown, {
          x1: (d) => Math.max(d.begin_ns, from) / 1e3,
          x2: (d) => Math.min(Math.max(d.end_ns, d.begin_ns + shortest), to) / 1e3,
          y: track,
          fill: 'device',
          stroke: 'var(--page)',
          strokeWidth: 0.5,
          inset: 0.5,
          insetTop: 3,
          insetBottom: 3
        }),
        Plot.tip(
            shown,
            Plot.pointer({x: (d) => (Math.max(d.begin_ns, from) + Math.min(d.end_ns, to)) / 2e3, y: track, title})),
      ],
    });
    chart.addEventListener('input', () => {
      pointed = chart.value;
    });
    holder.replaceChildren(chart);
  }

  function zoomBy(factor, around = 0.5) {
    const width = Math.min(end, Math.max(end / 5000, (to - from) * factor)), middle = from + (to - from) * around;
    move(middle - width * around, width);
  }
  function move(start, width) {
    from = Math.min(Math.max(0, start), end - width);
    to = from + width;
    draw();
  }
  const shift = (share) => move(from + (to - from) * share, to - from);

  holder.addEventListener('wheel', (event) => {
    if (!event.ctrlKey && !event.shiftKey) return;  // the page scrolls
    event.preventDefault();
    const {left, width} = holder.getBoundingClientRect();
    zoomBy(event.deltaY > 0 ? 1.25 : 0.8, Math.min(1, Math.max(0, (event.clientX - left) / width)));
  }, {passive: false});
  let dragged = null;
  holder.addEventListener('pointerdown', (event) => {
    dragged = event.clientX;
  });
  holder.addEventListener('pointermove', (event) => {
    if (dragged === null || Math.abs(event.clientX - dragged) < 4) return;
    shift((dragged - event.clientX) / holder.getBoundingClientRect().width);
    dragged = event.clientX;
  });
  for (const name of ['pointerup', 'pointerleave'])
    holder.addEventListener(name, () => {
      dragged = null;
    });
  holder.addEventListener('click', () => {
    const node = pointed && byName.get(pointed.name);
    details.replaceChildren(node ? h('div', {class: 'panel'}, nodeDetails(node, session.cost.unit)) : '');
  });
  draw();

  const rows = table(
      [
        {name: 'Begin', number: true, value: (e) => e.begin_ns, show: (e) => format.time(e.begin_ns)},
        {
          name: 'Time',
          number: true,
          value: (e) => e.end_ns - e.begin_ns,
          show: (e) => format.time(e.end_ns - e.begin_ns)
        },
        {name: 'What', value: (e) => e.kind},
        {name: 'Name', value: (e) => e.name},
        {name: 'On', value: (e) => e.device},
        {name: 'Detail', value: (e) => e.detail ?? ''},
        {name: 'Bytes', number: true, value: (e) => e.bytes, show: (e) => (e.bytes ? format.bytes(e.bytes) : '')},
      ],
      events, {caption: 'events'});
  const transfers = table(
      [
        {name: 'Tensor', value: (t) => t.tensor},
        {name: 'From', value: (t) => t.from},
        {name: 'To', value: (t) => t.to},
        {name: 'Way', value: (t) => t.way},
        {name: 'Bytes', number: true, value: (t) => t.bytes, show: (t) => format.bytes(t.bytes)},
        {name: 'Measured', number: true, value: (t) => t.measured_ns, show: (t) => format.time(t.measured_ns)},
        {name: 'Before segment', number: true, value: (t) => t.segment},
      ],
      session.transfers, {caption: 'transfers'});
  return h(
      'section', {id: 'timeline'}, h('h2', {}, 'Timeline'),
      h('p', {class: 'lead'},
        `The run of ${session.runs} that took the median time, ${
            format.time(
                session
                    .run_ns)}. Drag to move, Ctrl and the wheel or the buttons to zoom; a click on a node shows its details.`),
      h('div', {class: 'row'}, button('+', 'Zoom in', () => zoomBy(0.5)), button('−', 'Zoom out', () => zoomBy(2)),
        button('◂', 'Earlier', () => shift(-0.5)), button('▸', 'Later', () => shift(0.5)),
        button('All', 'Show the whole run', () => move(0, end))),
      holder, details, h('h3', {}, 'Transfers'), transfers,
      h('details', {}, h('summary', {}, 'All events as a table'), rows));
}
