"""The layers around a cell: noise on its inputs, the loop over time, the readout with its losses."""
