// What the report is about: inputs, devices, warnings, and what else tables and journals hold.
import {colour} from './colours.js';
import {h} from './dom.js';
import * as format from './format.js';
import {table} from './table.js';

const card = (figure, what) =>
    h('div', {class: 'card'}, h('div', {class: 'figure'}, figure), h('div', {class: 'what'}, what));
const prints = (facts) => Object.entries(facts).map(([key, value]) => `${key}=${value}`).join(' ');
const swatch = (device) => h('span', {}, h('span', {class: 'swatch', style: `background:${colour(device)}`}), device);

function cards(facts) {
  const total = (key) => facts.inputs.reduce((sum, input) => sum + (input[key] ?? 0), 0);
  const gains = facts.problems.filter((p) => p.default_ns && p.choice_ns).map((p) => p.default_ns / p.choice_ns);
  const mean = gains.length ? Math.exp(gains.reduce((sum, g) => sum + Math.log(g), 0) / gains.length) : undefined;
  return h(
      'div', {class: 'cards'}, card(String(facts.devices.length), 'devices'),
      card(String(facts.problems.length), 'problems'), card(String(total('rows')), 'rows'),
      card(String(total('trials')), 'trials in journals'), card(String(facts.transfers.length), 'measured transfers'),
      mean ? card(format.ratio(mean), 'faster than the defaults, geometric mean') : null,
      facts.session?.run_ns ? card(format.time(facts.session.run_ns), 'a run of the model, median') : null);
}

function devices(facts) {
  return table(
      [
        {name: 'Device', nowrap: true, value: (d) => d.id, show: (d) => swatch(d.id)},
        {name: 'Plugin', value: (d) => d.plugin},
        {name: 'Hardware', value: (d) => prints(d.fingerprint.hw)},
        {name: 'Driver', value: (d) => prints(d.fingerprint.driver)},
        {name: 'Kernels', value: (d) => prints(d.fingerprint.kernels)},
        {name: 'Here', value: (d) => d.here},
        {name: 'Rows', number: true, value: (d) => d.rows},
        {name: 'Trials', number: true, value: (d) => d.trials},
      ],
      facts.devices, {caption: 'devices'});
}

const here = (session) => table(
    [
      {name: 'Device', value: (d) => d.name, show: (d) => swatch(d.name)},
      {name: 'Kind', value: (d) => d.kind},
      {name: 'Is', value: (d) => d.description},
      {
        name: 'Peak',
        number: true,
        value: (d) => d.peak_gflops,
        show: (d) => (d.peak_gflops ? `${d.peak_gflops.toFixed(0)} GFLOP/s` : '–')
      },
      {
        name: 'Bandwidth',
        number: true,
        value: (d) => d.bandwidth_gbps,
        show: (d) => (d.bandwidth_gbps ? `${d.bandwidth_gbps.toFixed(0)} GB/s` : '–')
      },
      {name: 'Nodes', number: true, value: (d) => session.nodes.filter((node) => node.device === d.name).length},
    ],
    session.devices, {caption: 'devices here'});

const transfers = (facts) => table(
    [
      {name: 'From', value: (t) => t.from},
      {name: 'To', value: (t) => t.to},
      {name: 'Kind', value: (t) => t.kind},
      {name: 'Start', number: true, value: (t) => t.alpha_ns, show: (t) => format.time(t.alpha_ns)},
      {
        name: 'Per megabyte',
        number: true,
        value: (t) => t.beta_ps_per_byte,
        show: (t) => format.time(t.beta_ps_per_byte * 1e3)
      },
    ],
    facts.transfers, {caption: 'measured transfers'});

const shapes = (plan) => Object.entries(plan.shapes).map(([name, dims]) => `${name} ${dims.join('×')}`).join(', ');
const plans = (facts) => table(
    [
      {name: 'Graph', value: (p) => p.graph_hash, show: (p) => h('code', {}, p.graph_hash.slice(0, 12))},
      {name: 'Shapes', value: shapes},
      {name: 'Objective', value: (p) => p.objective},
      {name: 'Devices', value: (p) => p.devices.join(', ')},
      {name: 'Segments', number: true, value: (p) => p.segments.length},
      {name: 'Expected', number: true, value: (p) => p.expected_ns, show: (p) => format.time(p.expected_ns)},
      {name: 'Bound', number: true, value: (p) => p.bound_ns, show: (p) => format.time(p.bound_ns)},
    ],
    facts.plans, {caption: 'plans'});

// Notes that other parts of the report show.
const known = new Set(['device', 'kernel', 'left_out', 'transfer', 'plan']);

// Any other records of journals: a column for each member that holds a number or a text.
function notes(facts) {
  const kinds = [...new Set(facts.notes.map((note) => note.kind))].filter((kind) => !known.has(kind));
  return kinds.map((kind) => {
    const rows = facts.notes.filter((note) => note.kind === kind);
    const names = [...new Set(rows.flatMap(Object.keys))].filter((name) => name !== 'kind');
    const text = (value) =>
        (value === undefined           ? undefined :
             typeof value === 'object' ? JSON.stringify(value) :
                                         value);
    return h(
        'div', {}, h('h3', {}, `Journal: ${kind}`),
        table(
            names.map((name) => ({
                        name,
                        number: rows.every((row) => typeof row[name] === 'number'),
                        value: (row) => text(row[name]),
                        show: (row) => {
                          const value = text(row[name]);
                          return name.endsWith('_ns') && typeof value === 'number' ? format.time(value) :
                              value === undefined                                  ? '–' :
                                                                                     String(value).slice(0, 400);
                        }
                      })),
            rows, {caption: kind}));
  });
}

const inputText = (input) =>
    (input.kind === 'table' ? `dispatch table by ${input.tool}: ${format.count(input.rows, 'row')}, ${
                                  format.count(input.transfers, 'transfer')}, ${format.count(input.plans, 'plan')}` :
                              `journal: ${format.count(input.trials, 'trial')}${
                                  input.damaged ? `, ${format.count(input.damaged, 'damaged line')}` : ''}`);

export function summarySection(facts) {
  const {session} = facts;
  return h(
      'section', {id: 'summary'}, h('h2', {}, 'Summary'),
      h('p', {class: 'lead'}, `Written by ${facts.tool}, ${facts.date.replace('T', ' ').replace('Z', ' UTC')}.`),
      h('ul', {}, ...facts.inputs.map((input) => h('li', {}, h('code', {}, input.path), ` – ${inputText(input)}`)),
        session ? h('li', {}, h('code', {}, session.model),
                    ` – model: ${format.count(session.nodes.length, 'node')}, ${
                        format.bytes(session.activation_bytes)} activations, ${
                        format.bytes(session.constant_bytes)} constants, ${
                        format.bytes(session.resident_bytes)} packed by devices`) :
                  null),
      cards(facts),
      facts.warnings.length ?
          h('ul', {class: 'warnings', 'aria-label': 'Warnings'}, ...facts.warnings.map((text) => h('li', {}, text))) :
          null,
      h('h3', {}, 'Devices that were measured'), devices(facts),
      session ? h('div', {}, h('h3', {}, 'Devices here'), here(session)) : null,
      facts.transfers.length ? h('div', {}, h('h3', {}, 'Measured transfers'), transfers(facts)) : null,
      facts.plans.length ? h('div', {}, h('h3', {}, 'Plans'), plans(facts)) : null, ...notes(facts));
}
