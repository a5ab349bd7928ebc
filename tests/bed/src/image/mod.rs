//! The base image that hosts are made from.
