// All that is known of a node.
import {colour} from './colours.js';
import {h, list} from './dom.js';
import * as format from './format.js';

const tensors = (all) =>
    h('span', {},
      ...all.flatMap((t, i) => [i ? h('br') : null, h('code', {}, t.name), ` ${format.shape(t)}`].filter(Boolean)));

const runnerUp = (r, unit) =>
    `${r.device}: the plan would cost ${format.cost(Math.abs(r.more), unit)} ${r.more < 0 ? 'less' : 'more'}`;

// `unit`: of the plan's cost.
export function nodeDetails(node, unit) {
  return h(
      'div', {}, h('h3', {}, node.name || '(no name)'), list([
        ['Op', node.op],
        [
          'Device', h('span', {}, h('span', {class: 'swatch', style: `background:${colour(node.device)}`}), node.device)
        ],
        ['Measured', node.measured_ns !== undefined ? format.time(node.measured_ns) : null],
        ['Predicted', node.predicted_ns !== undefined ? format.time(node.predicted_ns) : null],
        ['Provenance of the prediction', node.provenance],
        [
          'Config',
          node.config_source !== undefined ?
              h('span', {}, h('code', {}, format.config(node.config)), ` (${node.config_source})`) :
              null
        ],
        ['Kernel', node.kernel],
        ['Why here', node.reason],
        ['Runner-up', node.runner_up ? runnerUp(node.runner_up, unit) : null],
        ['Segment', String(node.segment)],
        ['Reads', node.inputs.length ? tensors(node.inputs) : null],
        ['Writes', node.outputs.length ? tensors(node.outputs) : null],
        ['From the model\'s nodes', node.origins.length ? node.origins.join(', ') : null],
        ['Problem', node.problem ? h('code', {}, node.problem) : null],
        [
          'Refused by',
          node.refused.length ?
              h('span', {}, ...node.refused.flatMap((r, i) => [i ? h('br') : '', `${r.device}: ${r.reason}`])) :
              null
        ],
      ]));
}
