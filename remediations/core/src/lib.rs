//! What a repair is: versions, playbooks, plans, decisions and sagas, without a side effect.
