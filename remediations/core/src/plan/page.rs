//! Cutting a plan into pages, and the digest that binds a run, its playbook and every page together.

use serde::Serialize;

use super::{FORMAT_VERSION, Header, PAGE_SIZE, Page, PlannedNode};
use crate::canonical::{self, CanonicalError};
use crate::ids::{Digest, RunUid};

/// A plan, cut and sealed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sealed {
    /// Digest over everything that decides what is done.
    pub digest: Digest,
    /// Digest of each page, by index.
    pub page_digests: Vec<Digest>,
    /// The pages: 0 with the header, then the nodes.
    pub pages: Vec<Page>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Covered<'a> {
    format_version: u32,
    run_uid: &'a RunUid,
    page_digests: &'a [Digest],
}

/// Cuts a plan into pages and computes its digests. The header (playbook digest, parameters with the target
/// versions, steps, rollout and limits) is page 0, so that its digest covers them.
pub fn seal(run_uid: &RunUid, header: Header, nodes: &[PlannedNode]) -> Result<Sealed, CanonicalError> {
    let mut pages = vec![Page { header: Some(header), nodes: Vec::new() }];
    pages.extend(nodes.chunks(PAGE_SIZE).map(|nodes| Page { header: None, nodes: nodes.to_vec() }));
    let page_digests = pages.iter().map(canonical::digest).collect::<Result<Vec<_>, _>>()?;
    let digest = plan_digest(run_uid, &page_digests)?;
    Ok(Sealed { digest, page_digests, pages })
}

/// The digest of a plan whose pages have these digests.
pub fn plan_digest(run_uid: &RunUid, page_digests: &[Digest]) -> Result<Digest, CanonicalError> {
    canonical::digest(&Covered { format_version: FORMAT_VERSION, run_uid, page_digests })
}

/// The place in the whole plan of the node at `within` of a page: pages are full but for the last, and page 0 has none.
pub const fn position(page: u32, within: usize) -> usize {
    (page.saturating_sub(1) as usize) * PAGE_SIZE + within
}

/// The name of one page's object.
pub fn page_name(run: &str, index: usize) -> String {
    format!("{run}-page-{index}")
}
