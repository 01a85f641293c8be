"""A sweep: from a matrix to its cases, how long they will take, and how they are measured."""
