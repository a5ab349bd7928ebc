//! Both proxies between real sockets, with servers behind them that tell what has reached them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod api;
mod behind;
mod hosts;
