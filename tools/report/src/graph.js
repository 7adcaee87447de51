// The placed graph: coloured by device, sized by cost, the critical path marked.
import {select} from 'd3-selection';
import {zoom, zoomIdentity} from 'd3-zoom';

import {colour} from './colours.js';
import {nodeDetails} from './details.js';
import {button, h, search, svg} from './dom.js';
import * as format from './format.js';
import {place} from './layout.js';

const small = {
  width: 84,
  height: 34
};
const growth = {
  width: 110,
  height: 40
};

const cost = (node) => node.measured_ns ?? node.predicted_ns ?? 0;

// The session's nodes, then one for each input and output of the network.
function drawn(session) {
  const most = Math.max(1, ...session.nodes.map(cost));
  const nodes = session.nodes.map((node, index) => {
    const share = Math.sqrt(cost(node) / most);
    return {
      node,
      index,
      width: small.width + growth.width * share,
      height: small.height + growth.height * share,
      title: node.op,
      below: cost(node) ? format.time(cost(node)) : node.device
    };
  });
  const edges = session.edges.map(
      (edge) => ({...edge, crosses: session.nodes[edge.from].device !== session.nodes[edge.to].device}));
  if (!edges.length)  // known by order alone
    for (let to = 1; to < nodes.length; ++to) edges.push({from: to - 1, to, tensor: 'runs before', crosses: true});
  const port = (name, what) =>
      nodes.push({port: what, name, width: small.width, height: 26, title: `${what} ${name}`}) - 1;
  const reading = (name) => session.nodes.flatMap((node, i) => (node.inputs.some((t) => t.name === name) ? [i] : []));
  for (const name of session.inputs) {
    const at = port(name, 'input');
    for (const to of reading(name)) edges.push({from: at, to, tensor: name});
  }
  for (const name of session.outputs) {
    const maker = session.nodes.findIndex((node) => node.outputs.some((t) => t.name === name));
    const at = port(name, 'output');
    if (maker >= 0) edges.push({from: maker, to: at, tensor: name});
  }
  return {nodes, edges};
}

const fitting = (text, width) => {
  const most = Math.max(4, Math.floor(width / 6.6));
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
};

function path(points) {
  const at = (p) => `${p.x.toFixed(1)},${p.y.toFixed(1)}`;
  if (points.length < 3) return `M${points.map(at).join('L')}`;
  let d = `M${at(points[0])}`;
  for (let i = 1; i < points.length - 1; ++i) {
    const next = i + 2 < points.length ?
        {x: (points[i].x + points[i + 1].x) / 2, y: (points[i].y + points[i + 1].y) / 2} :
        points[i + 1];
    d += `Q${at(points[i])} ${at(next)}`;
  }
  return d;
}

const label = ({node, port, name}) => port ?
    `${port} ${name}` :
    `${node.name}, ${node.op}, on ${node.device}${cost(node) ? `, ${format.time(cost(node))}` : ''}`;

function decision(cost) {
  const figure = (name, value) => (value !== undefined ? `, ${name} ${format.cost(value, cost.unit)}` : '');
  const by = {
    planner: 'the planner found the cheapest placement',
    'single device': 'one device alone is as good as any mix',
    order: 'devices were taken in order of preference',
    race: 'a plan of the table that won its race'
  }[cost.decided_by] ??
      cost.decided_by;
  return `Placed for ${cost.policy}: ${by}${figure('this plan', cost.cost)}${figure('no plan is below', cost.bound)}${
             figure('the best single device', cost.rival)}` +
      `${cost.planner_ns ? `; planned in ${format.time(cost.planner_ns)}` : ''}${cost.note ? `. ${cost.note}` : ''}.`;
}

export function graphSection(session) {
  const {nodes, edges} = drawn(session);
  const placed = place(nodes, edges);
  const critical = new Set(session.critical_path);
  const steps = new Set(session.critical_path.map((node, i) => `${session.critical_path[i - 1]}>${node}`));

  const scene = svg('g');
  const canvas =
      svg('svg', {role: 'group', 'aria-label': 'Graph of nodes. Arrow keys go from node to node, Enter shows details.'},
          scene);
  const details =
      h('aside', {class: 'details', 'aria-live': 'polite', 'aria-label': 'Details of a node'},
        h('p', {class: 'muted'},
          'Choose a node to see its shapes, where it comes from, its cost and why it runs where it does.'));

  const paths = edges.map((edge, i) => {
    const on = steps.has(`${edge.from}>${edge.to}`);
    const element =
        svg('path', {class: `edge${edge.crosses ? ' crosses' : ''}${on ? ' critical' : ''}`, d: path(placed.edges[i])});
    const moved = edge.transfer_ns ? `, moved in ${format.time(edge.transfer_ns)}` : '';
    element.append(svg('title', {}, `${edge.tensor}${moved}`));
    return element;
  });
  const boxes = nodes.map((item, i) => {
    const {x, y} = placed.nodes[i];
    const box =
        svg('g', {
          class: `node${item.port ? ' port' : ''}${critical.has(i) ? ' critical' : ''}`,
          role: 'button',
          tabindex: i === 0 ? 0 : -1,
          'aria-label': label(item),
          transform: `translate(${x.toFixed(1)},${y.toFixed(1)})`,
          onclick: () => choose(i),
          onkeydown: (event) => key(event, i)
        },
            svg('title', {}, label(item)), svg('rect', {
              x: -item.width / 2,
              y: -item.height / 2,
              width: item.width,
              height: item.height,
              rx: 6,
              style: item.port ? null : `fill:${colour(item.node.device)}`
            }),
            svg('text', {y: item.port ? 4 : -2}, fitting(item.title, item.width)));
    if (item.below) box.append(svg('text', {class: 'time', y: 12}, fitting(item.below, item.width)));
    return box;
  });
  scene.append(...paths, ...boxes);

  const zooming = zoom()
                      .scaleExtent([0.02, 4])
                      .filter(
                          (event) => !event.button &&
                              (event.type !== 'wheel' || event.ctrlKey || event.shiftKey))  // else the page scrolls
                      .on('zoom', (event) => scene.setAttribute('transform', event.transform));
  const view = select(canvas).call(zooming);

  function show(index, scale) {
    const {x, y} = placed.nodes[index], {width, height} = canvas.getBoundingClientRect();
    view.call(zooming.transform, zoomIdentity.translate(width / 2, height / 2).scale(scale).translate(-x, -y));
  }
  const currentScale = () => canvas.__zoom?.k ?? 1;

  function fit() {
    const {width, height} = canvas.getBoundingClientRect();
    if (!width) return;
    const k = Math.min(1.5, width / placed.width, height / placed.height);
    view.call(
        zooming.transform,
        zoomIdentity.translate((width - k * placed.width) / 2, (height - k * placed.height) / 2).scale(k));
  }
  // A long network whole would be a thread: then the beginning, at a size that can be read.
  function begin() {
    fit();
    if (currentScale() >= 0.35) return;
    const {width} = canvas.getBoundingClientRect();
    const top = boxes.reduce((best, _, i) => (placed.nodes[i].y < placed.nodes[best].y ? i : best), 0);
    view.call(zooming.transform, zoomIdentity.translate(width / 2, 20).scale(0.7).translate(-placed.nodes[top].x, 0));
  }

  function choose(index) {
    boxes.forEach((box, i) => {
      box.classList.toggle('selected', i === index);
      box.setAttribute('tabindex', i === index ? 0 : -1);
    });
    const item = nodes[index];
    details.replaceChildren(
        item.port ? h('p', {}, `${item.port} of the network: `, h('code', {}, item.name)) :
                    nodeDetails(item.node, session.cost.unit));
  }

  const order = nodes.map((_, i) => i)
                    .sort((a, b) => placed.nodes[a].y - placed.nodes[b].y || placed.nodes[a].x - placed.nodes[b].x);
  function key(event, index) {
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      choose(index);
      return;
    }
    const step = {ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1}[event.key];
    if (!step) return;
    event.preventDefault();
    const next = order[Math.min(order.length - 1, Math.max(0, order.indexOf(index) + step))];
    boxes[index].setAttribute('tabindex', -1);
    boxes[next].setAttribute('tabindex', 0);
    show(next, Math.max(currentScale(), 0.6));
    boxes[next].focus({preventScroll: true});
  }

  const haystack = nodes.map(
      (item) => (item.port ? item.name :
                             [
                               item.node.name, item.node.op, item.node.device, item.node.config, item.node.problem,
                               ...item.node.origins
                             ].join('\n'))
                    .toLowerCase());
  search.listen((text) => {
    boxes.forEach((box, i) => box.classList.toggle('dim', Boolean(text) && !haystack[i].includes(text)));
    paths.forEach((edge) => edge.classList.toggle('dim', Boolean(text)));
  });

  const devices = [...new Set(session.nodes.map((node) => node.device))];
  const legend =
      h('div', {class: 'row'},
        ...devices.map(
            (name) =>
                h('span', {}, h('span', {class: 'swatch', style: `background:${colour(name)}`}),
                  `${name} (${session.nodes.filter((node) => node.device === name).length})`)),
        h('span', {class: 'bad'}, '━ critical path'), h('span', {class: 'muted'}, '┅ between devices'),
        h('span', {class: 'grow'}), button('+', 'Zoom in', () => view.call(zooming.scaleBy, 1.4)),
        button('−', 'Zoom out', () => view.call(zooming.scaleBy, 1 / 1.4)), button('Fit', 'Show all of the graph', fit),
        button('Critical path', 'Go to the dearest node of the critical path', () => {
          const dearest = session.critical_path.reduce(
              (best, i) => (cost(session.nodes[i]) > cost(session.nodes[best]) ? i : best),
              session.critical_path[0] ?? 0);
          show(dearest, 0.9);
          choose(dearest);
        }));
  requestAnimationFrame(begin);
  const total = session.critical_path.reduce((sum, i) => sum + cost(session.nodes[i]), 0);
  return h(
      'section', {id: 'graph'}, h('h2', {}, 'Graph'),
      h('p', {class: 'lead'},
        `${format.count(session.nodes.length, 'node')} of ${
            session
                .model} after optimization. Nodes are as large as they are dear; drag to move, Ctrl and the wheel or the buttons to zoom. The critical path has ${
            format.count(critical.size, 'node')} and ${format.time(total)}.`),
      h('p', {},
        session.planned ? 'As the tuner planned it: the plan that won its race. Times are those of the kernels alone.' :
                          decision(session.cost)),
      legend, h('div', {class: 'graph'}, h('div', {class: 'canvas'}, canvas), details));
}
