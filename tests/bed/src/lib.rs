//! A real Kubernetes cluster with real hosts on one machine.
