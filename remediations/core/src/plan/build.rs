//! Making the plan of a run, and saying for every node of the pool why or why not.
