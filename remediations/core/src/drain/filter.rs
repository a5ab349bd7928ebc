//! Which pods have to go before a node may be disturbed, class by class, in the order that `kubectl drain` has.
