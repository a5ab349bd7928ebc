//! Container images for the bed's pods: OCI archives around one static binary, made without a registry.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::build::{Binaries, BuildError};
use crate::cache;
use crate::oci::{Content, Image};

/// The image of pod sandboxes.
pub const PAUSE_IMAGE: &str = "nodemend.test/pause:1";
/// A small workload: answers HTTP on port 8080 with its pod's name.
pub const SERVER_IMAGE: &str = "nodemend.test/server:1";
/// Raised when the archives change though the program does not.
const FORMAT: &str = "1";

/// The archives of all images, made when the cache lacks them, for `ctr -n k8s.io images import`.
pub fn archives(binaries: &Binaries) -> Result<Vec<PathBuf>, BuildError> {
    let program = binaries.pause.join("pause");
    let content = fs::read(&program).map_err(|source| BuildError::Image { path: program, source })?;
    let key = cache::key([FORMAT.as_bytes(), &content]);
    let images = [("pause.tar", PAUSE_IMAGE, "pause"), ("server.tar", SERVER_IMAGE, "server")];
    let folder = cache::folder("images", &key, |target| {
        images.iter().try_for_each(|(file, image, name)| {
            let path = target.join(file);
            image_of(image, name, &content)
                .write(&path)
                .map(drop)
                .map_err(|source| BuildError::Image { path, source })
        })
    })?;
    Ok(images.iter().map(|(file, ..)| folder.join(file)).collect())
}

/// An image whose only file is the program, called `name`, because the name decides what it does.
fn image_of(image: &str, name: &str, program: &[u8]) -> Image {
    Image {
        name: image.to_owned(),
        entrypoint: vec![format!("/{name}")],
        user: "65535:65535".to_owned(),
        files: vec![Content { path: name.to_owned(), executable: true, bytes: program.to_vec() }],
    }
}

/// Puts all archives into one folder, which hosts see: copies, for the folders they come from hold other things too.
pub(crate) fn gather(archives: &[PathBuf], folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    let copies = archives.iter().map(|archive| {
        let copy = folder.join(archive.file_name().unwrap_or_default());
        fs::copy(archive, &copy).map(|_| copy)
    });
    copies.collect()
}
