//! Where built programs and images are kept between runs: outside the repository, one folder per content.
//!
//! A folder appears under its final name only when it is complete, so a build that was killed leaves nothing that looks done.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Why the cache could not be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the cache at {path}: {source}; set NODEMEND_BED_CACHE to a folder that can be written")]
pub struct CacheError {
    /// What was being accessed.
    pub path: PathBuf,
    /// What the kernel said.
    pub source: io::Error,
}

/// The cache's folder: `NODEMEND_BED_CACHE`, else `nodemend-bed` in `XDG_CACHE_HOME`, `~/.cache` or, without a home, `/var/cache`.
pub fn root() -> PathBuf {
    let folder = |variable| std::env::var_os(variable).map(PathBuf::from);
    folder("NODEMEND_BED_CACHE").unwrap_or_else(|| {
        let home_cache = || folder("HOME").map(|home| home.join(".cache"));
        let parent = folder("XDG_CACHE_HOME").or_else(home_cache);
        parent.unwrap_or_else(|| "/var/cache".into()).join("nodemend-bed")
    })
}

/// A key from everything that decides what a folder holds: 16 hexadecimal digits.
pub fn key<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // The length goes first, so that ("ab", "c") and ("a", "bc") differ.
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(8).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Returns the folder `NAME-KEY`, filled by `fill` if it does not exist yet.
///
/// Others that want the same folder wait for the one that fills it, in this process and in others.
pub fn folder<E: From<CacheError>>(
    name: &str,
    key: &str,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<PathBuf, E> {
    let done = root().join(format!("{name}-{key}"));
    if done.is_dir() {
        return Ok(done);
    }
    let _lock = lock(&root().join(format!("{name}.lock")))?;
    if done.is_dir() {
        return Ok(done);
    }
    let unfinished = root().join(format!("{name}-{key}.unfinished"));
    replace_by_empty(&unfinished)?;
    fill(&unfinished)?;
    fs::rename(&unfinished, &done).map_err(|source| CacheError { path: done.clone(), source })?;
    Ok(done)
}

/// Takes an exclusive lock, which ends with the returned file or the process.
fn lock(path: &Path) -> Result<File, CacheError> {
    let failed = |source| CacheError { path: path.to_owned(), source };
    fs::create_dir_all(root()).map_err(failed)?;
    let file = File::options().create(true).append(true).open(path).map_err(failed)?;
    if file.try_lock().is_err() {
        eprintln!("bed: waiting for another process that fills {}", path.with_extension("").display());
        file.lock().map_err(failed)?;
    }
    Ok(file)
}

fn replace_by_empty(folder: &Path) -> Result<(), CacheError> {
    let attempt = || {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)
    };
    attempt().map_err(|source| CacheError { path: folder.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_depend_on_where_parts_end() {
        assert_ne!(key([b"ab".as_slice(), b"c"]), key([b"a".as_slice(), b"bc"]));
        assert_eq!(key([b"ab".as_slice()]).len(), 16);
    }
}
