// Where nodes and edges of the graph are drawn.
import {Graph, layout} from '@dagrejs/dagre';

// dagre finds few crossings and takes seconds beyond this; then nodes are put into rows by their distance from the
// inputs alone.
const mostForDagre = 900, mostForSimplex = 350;
const gap = {
  x: 18,
  y: 34
};

// nodes: [{width, height}], edges: [{from, to}] → {nodes: [{x, y}] (centres), edges: [[{x, y}]], width, height}
export function place(nodes, edges) {
  return nodes.length <= mostForDagre ? withDagre(nodes, edges) : inRows(nodes, edges);
}

function withDagre(nodes, edges) {
  const graph = new Graph({multigraph: true});
  graph.setGraph({
    rankdir: 'TB',
    nodesep: gap.x,
    ranksep: gap.y,
    marginx: 12,
    marginy: 12,
    ranker: nodes.length <= mostForSimplex ? 'network-simplex' : 'longest-path'
  });
  graph.setDefaultEdgeLabel(() => ({}));
  nodes.forEach((node, i) => graph.setNode(String(i), {width: node.width, height: node.height}));
  edges.forEach((edge, i) => graph.setEdge(String(edge.from), String(edge.to), {}, String(i)));
  layout(graph);
  const {width, height} = graph.graph();
  return {
    nodes: nodes.map((_, i) => {
      const {x, y} = graph.node(String(i));
      return {x, y};
    }),
    edges: edges.map((edge, i) => graph.edge(String(edge.from), String(edge.to), String(i)).points),
    width,
    height,
  };
}

function inRows(nodes, edges) {
  const rank = nodes.map(() => 0);
  for (const edge of [...edges].sort((a, b) => a.from - b.from))
    rank[edge.to] = Math.max(rank[edge.to], rank[edge.from] + 1);
  const rows = [];
  nodes.forEach((node, i) => (rows[rank[i]] ??= []).push(i));
  const centres = [];
  let y = gap.y, widest = 0;
  for (const row of rows.filter(Boolean)) {
    const tallest = Math.max(...row.map((i) => nodes[i].height));
    const width = row.reduce((sum, i) => sum + nodes[i].width + gap.x, 0);
    let x = -width / 2;
    for (const i of row) {
      centres[i] = {x: x + nodes[i].width / 2, y: y + tallest / 2};
      x += nodes[i].width + gap.x;
    }
    widest = Math.max(widest, width);
    y += tallest + gap.y;
  }
  for (const centre of centres) centre.x += widest / 2 + gap.x;
  return {
    nodes: centres,
    edges: edges.map(({from, to}) => [{x: centres[from].x, y: centres[from].y + nodes[from].height / 2}, {
                       x: centres[to].x,
                       y: centres[to].y - nodes[to].height / 2
                     }]),
    width: widest + 2 * gap.x,
    height: y,
  };
}
