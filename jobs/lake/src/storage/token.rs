//! What an executor hands on for a file that lies in an object store as an upload that nobody has completed.

use serde::{Deserialize, Serialize};

use crate::error::LakeError;

/// An upload whose parts are all there. As a token it is this, in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UploadToken {
    /// The upload's id.
    pub(crate) upload: String,
    /// The final path, relative to the table's folder.
    pub(crate) path: String,
    /// The bytes of all parts.
    pub(crate) bytes: u64,
    /// What the store said of each part, in order.
    pub(crate) parts: Vec<String>,
}

impl UploadToken {
    /// True for a token of an upload; other tokens are paths of temporaries.
    pub(crate) fn is_one(token: &str) -> bool {
        token.starts_with('{')
    }

    pub(crate) fn parse(token: &str) -> Result<Self, LakeError> {
        serde_json::from_str(token).map_err(|error| {
            LakeError::invalid(
                format!("`{token}` is no token of an upload: {error}"),
                "run the job again",
            )
        })
    }

    pub(crate) fn text(&self) -> Result<String, LakeError> {
        serde_json::to_string(self)
            .map_err(|error| LakeError::invalid(format!("{error}"), "please report it"))
    }
}
