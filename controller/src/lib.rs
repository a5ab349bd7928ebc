//! The nodemend binary: controller and operator's tool.
