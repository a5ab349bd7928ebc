//! Whether a line of a `known_hosts` file is about a host.

use ring::hmac;
use ssh_key::known_hosts::HostPatterns;

/// Whether `patterns` name one of `names`. A pattern that is negated and matches rules the whole line out.
pub(crate) fn matches(patterns: &HostPatterns, names: &[String]) -> bool {
    names.iter().any(|name| match patterns {
        HostPatterns::Patterns(patterns) => any_of(patterns, name),
        HostPatterns::HashedName { salt, hash } => is_hash_of(salt, hash, name),
    })
}

/// How a `known_hosts` file writes a host: with its port in brackets unless it is 22.
pub(crate) fn written(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

fn any_of(patterns: &[String], name: &str) -> bool {
    let negated = patterns.iter().filter_map(|p| p.strip_prefix('!')).any(|p| glob(p, name));
    !negated && patterns.iter().filter(|p| !p.starts_with('!')).any(|p| glob(p, name))
}

fn glob(pattern: &str, name: &str) -> bool {
    glob_bytes(pattern.to_ascii_lowercase().as_bytes(), name.as_bytes())
}

/// `*` is any run of characters, `?` any one; linear but for one point to go back to.
fn glob_bytes(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                back = Some((p + 1, n));
                p += 1;
            }
            Some(&c) if c == b'?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((after_star, from)) = back else { return false };
                (p, n) = (after_star, from + 1);
                back = Some((after_star, n));
            }
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// OpenSSH hashes names with HMAC-SHA1 to hide them, not to authenticate them.
fn is_hash_of(salt: &[u8], hash: &[u8; 20], name: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
    hmac::verify(&key, name.as_bytes(), hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(text: &str) -> HostPatterns {
        text.parse().unwrap()
    }

    #[test]
    fn patterns_match_as_openssh_has_them() {
        for (line, name, expected) in [
            ("node-1", "node-1", true),
            ("node-1", "node-10", false),
            ("NODE-1", "node-1", true),
            ("node-?,10.0.0.1", "node-7", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com,!bad.example.com", "bad.example.com", false),
            ("[node-1]:2222", "[node-1]:2222", true),
            ("[node-1]:2222", "node-1", false),
            ("*", "anything", true),
        ] {
            assert_eq!(matches(&patterns(line), &[name.to_owned()]), expected, "{line} {name}");
        }
        assert_eq!(written("Node-1", 22), "node-1");
        assert_eq!(written("node-1", 2222), "[node-1]:2222");
    }

    #[test]
    fn hashed_names_match_what_ssh_keygen_writes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("known_hosts");
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKmAl7VKjmWg4DVvbBbGRVWO3YhGaW0Tr1jFVfXlwWQF";
        std::fs::write(&file, format!("node-1 {key}\n")).unwrap();
        let status = std::process::Command::new("ssh-keygen").args(["-H", "-f"]).arg(&file).output().unwrap();
        assert!(status.status.success());
        let line = std::fs::read_to_string(&file).unwrap();
        let hashed = patterns(line.split_once(' ').unwrap().0);
        assert!(matches(&hashed, &["node-1".to_owned()]));
        assert!(!matches(&hashed, &["node-2".to_owned()]));
    }
}
