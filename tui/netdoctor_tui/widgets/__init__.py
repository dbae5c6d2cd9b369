"""Lists of rows, the lines at the top and the bottom. They draw what `model/` made, and compute nothing."""
