//! The nodemend.dev/v1alpha1 API types and their CRDs.
