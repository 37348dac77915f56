// Strongly connected parts of a graph (Tarjan 1972): each one of more than one member is a cycle.

/** One list of members for each cycle; a node that points at itself counts. */
export function findCycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>()
  const lowest = new Map<string, number>()
  const stack: string[] = []
  const cycles: string[][] = []

  const visit = (node: string): number => {
    const mine = order.size
    order.set(node, mine)
    lowest.set(node, mine)
    stack.push(node)
    for (const next of graph.get(node) ?? []) {
      const reach = order.has(next) ? (stack.includes(next) ? (order.get(next) ?? mine) : mine) : visit(next)
      lowest.set(node, Math.min(lowest.get(node) ?? mine, reach))
    }
    if (lowest.get(node) === mine) {
      const members = stack.splice(stack.indexOf(node))
      if (members.length > 1 || graph.get(node)?.includes(node) === true) cycles.push(members)
    }
    return lowest.get(node) ?? mine
  }

  for (const node of graph.keys()) if (!order.has(node)) visit(node)
  return cycles
}
