"""The layers around a cell: the loop over time, and the head with its losses."""
