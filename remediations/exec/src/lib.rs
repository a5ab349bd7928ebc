//! Performs the closed set of operations over SSH and the Kubernetes API.
