//! A host that goes down for a reboot and does not come back.

use crate::host::{Host, HostError};

/// Lets the host return: at once if it is down already.
pub(super) fn let_return(host: &Host) -> Result<(), HostError> {
    host.set_stays_down(false)?;
    if host.is_supervised() { Ok(()) } else { host.power_on() }
}
