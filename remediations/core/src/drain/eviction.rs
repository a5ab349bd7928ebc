//! What an answer of the eviction API means.
