//! Container images for the bed's pods: OCI archives around one static binary, made without a registry.
//!
//! See the OCI image specification for the layout: blobs by digest, an index that names the manifest.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, Header};

use crate::build::{Binaries, BuildError};
use crate::cache;

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
            write_archive(&path, image, name, &content).map_err(|source| BuildError::Image { path, source })
        })
    })?;
    Ok(images.iter().map(|(file, ..)| folder.join(file)).collect())
}

/// Writes an image whose only file is the program, called `name`, because the name decides what it does.
fn write_archive(path: &Path, image: &str, name: &str, program: &[u8]) -> io::Result<()> {
    let layer = layer(name, program)?;
    let mut archive = Archive(Builder::new(File::create(path)?));
    let layer = archive.blob("application/vnd.oci.image.layer.v1.tar", &layer)?;
    let config = archive.json_blob(
        "application/vnd.oci.image.config.v1+json",
        &json!({
            "architecture": "amd64", "os": "linux",
            "config": {"Entrypoint": [format!("/{name}")], "User": "65535:65535"},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        }),
    )?;
    let manifest_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest =
        json!({"schemaVersion": 2, "mediaType": manifest_type, "config": config, "layers": [layer]});
    let mut manifest = archive.json_blob(manifest_type, &manifest)?;
    // containerd reads the image's full name from this annotation.
    manifest["annotations"] = json!({"io.containerd.image.name": image});
    archive
        .file("index.json", json!({"schemaVersion": 2, "manifests": [manifest]}).to_string().as_bytes())?;
    archive.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    archive.0.into_inner()?.flush()
}

fn layer(name: &str, program: &[u8]) -> io::Result<Vec<u8>> {
    let mut layer = Builder::new(Vec::new());
    append(&mut layer, name, 0o755, program)?;
    layer.into_inner()
}

/// An OCI archive that is being written.
struct Archive(Builder<File>);

impl Archive {
    fn file(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        append(&mut self.0, path, 0o644, content)
    }

    fn json_blob(&mut self, media_type: &str, value: &Value) -> io::Result<Value> {
        self.blob(media_type, value.to_string().as_bytes())
    }

    /// Adds a blob and returns its descriptor.
    fn blob(&mut self, media_type: &str, content: &[u8]) -> io::Result<Value> {
        let digest =
            Sha256::digest(content).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        self.file(&format!("blobs/sha256/{digest}"), content)?;
        Ok(json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": content.len()}))
    }
}

fn append<W: Write>(archive: &mut Builder<W>, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    archive.append_data(&mut header, path, content)
}
