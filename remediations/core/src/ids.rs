//! Names and identities, each a type of its own so that a node's name is never taken for its UID.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        #[schemars(inline)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id!(
    /// The `metadata.name` of a Node.
    NodeName
);
text_id!(
    /// The `metadata.uid` of a Node: another machine under the same name has another one.
    NodeUid
);
text_id!(
    /// The `metadata.uid` of a RepairRun.
    RunUid
);
text_id!(
    /// The name of a check of the catalogue, such as `insp.version.systemd`.
    CheckId
);
text_id!(
    /// A kernel's `/proc/sys/kernel/random/boot_id`: a changed one is the proof of a reboot.
    BootId
);
text_id!(
    /// Names one attempt at one effect, written to the journal before the effect and to the host with it.
    IntentId
);
text_id!(
    /// `sha256:` and 64 hexadecimal digits.
    Digest
);

/// The term of the controller that writes: raised at each process start, never lowered.
pub type Epoch = u64;

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(format!("sha256:{}", hex(&Sha256::digest(bytes))))
    }

    /// The first twelve hexadecimal digits, for people.
    pub fn short(&self) -> &str {
        let digits = self.0.strip_prefix("sha256:").unwrap_or(&self.0);
        digits.get(..12).unwrap_or(digits)
    }
}

/// The name of the Remediation of one node in one run: derived, so that it cannot be created twice.
pub fn remediation_name(run: &RunUid, node: &NodeUid) -> String {
    format!("r-{}", short_hash(&[&run.0, &node.0]))
}

/// The identity of one attempt at one step: a retry is a new identity.
pub fn intent_id(remediation_uid: &str, step: &str, attempt: u32) -> IntentId {
    IntentId(format!("{step}-{attempt}-{}", short_hash(&[remediation_uid, step, &attempt.to_string()])))
}

/// Twenty hexadecimal digits over `parts`, for names that must fit a label value (63 characters).
pub fn short_hash(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let digits = hex(&hasher.finalize());
    digits[..20].to_owned()
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_depend_on_each_part_and_its_bounds() {
        let name = remediation_name(&"run-1".into(), &"node-1".into());
        assert_eq!(name, remediation_name(&"run-1".into(), &"node-1".into()));
        assert_ne!(name, remediation_name(&"run-1n".into(), &"ode-1".into()));
        assert!(name.len() < 63);
    }

    #[test]
    fn a_retry_is_another_intent() {
        assert_ne!(intent_id("uid", "install", 1), intent_id("uid", "install", 2));
    }
}
