"""Graphs of runtimes and of exported files: read without running anything, and without torch."""

from __future__ import annotations

from sebench.graphs.cost import GraphCost, NodeCost, count
from sebench.graphs.gates import GraphGate, find_gates
from sebench.graphs.graph import Graph, Node

__all__ = ["Graph", "GraphCost", "GraphGate", "Node", "NodeCost", "count", "find_gates"]
