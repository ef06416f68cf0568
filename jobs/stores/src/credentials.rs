//! AWS's credential chain in the form that [`object_store`] asks for.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use tokio::sync::Mutex;

use crate::runtime::runtime;

/// Credentials that expire are renewed this long before.
const RENEWED_BEFORE: Duration = Duration::from_secs(300);

/// Credentials that do not say when they expire are asked for again after this time: files change.
const KEPT: Duration = Duration::from_secs(900);

/// Credentials by a provider of the SDK, kept until they are about to expire.
pub(crate) struct Chain {
    provider: Option<SharedCredentialsProvider>,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    credential: Arc<AwsCredential>,
    renew_at: SystemTime,
    expires_at: Option<SystemTime>,
}

impl Chain {
    pub(crate) fn new(provider: Option<SharedCredentialsProvider>) -> Chain {
        Chain {
            provider,
            kept: Mutex::new(None),
        }
    }

    async fn ask(&self, now: SystemTime) -> Result<Kept, Box<dyn std::error::Error + Send + Sync>> {
        let provider = self
            .provider
            .clone()
            .ok_or("no chain of credentials is configured")?;
        // The chain's connections belong to the runtime that opened them.
        let asked = runtime().spawn(async move { provider.provide_credentials().await });
        let found = asked.await??;
        let expires_at = found.expiry();
        let renew_at = match expires_at {
            Some(at) => at.checked_sub(RENEWED_BEFORE).unwrap_or(now),
            None => now + KEPT,
        };
        Ok(Kept {
            credential: Arc::new(AwsCredential {
                key_id: found.access_key_id().to_owned(),
                secret_key: found.secret_access_key().to_owned(),
                token: found.session_token().map(str::to_owned),
            }),
            renew_at,
            expires_at,
        })
    }

    async fn at(&self, now: SystemTime) -> object_store::Result<Arc<AwsCredential>> {
        // One caller asks; the others wait for its answer.
        let mut kept = self.kept.lock().await;
        if let Some(known) = kept.as_ref().filter(|known| now < known.renew_at) {
            return Ok(Arc::clone(&known.credential));
        }
        match self.ask(now).await {
            Ok(fresh) => Ok(Arc::clone(&kept.insert(fresh).credential)),
            Err(error) => match kept.as_ref() {
                Some(known) if known.expires_at.is_none_or(|at| now < at) => {
                    tracing::warn!(%error, "credentials cannot be renewed; those at hand still hold");
                    Ok(Arc::clone(&known.credential))
                }
                _ => Err(object_store::Error::Unauthenticated {
                    path: "(any)".into(),
                    source: with_causes(error.as_ref()).into(),
                }),
            },
        }
    }
}

/// The SDK's errors keep what matters in their sources.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        self.at(SystemTime::now()).await
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chain")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use aws_credential_types::Credentials;
    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::future;

    use super::*;

    /// Gives `key-1`, `key-2`, ... each of which lives for an hour from `begin`; fails from the third call on.
    #[derive(Debug)]
    struct Hourly {
        begin: SystemTime,
        calls: AtomicU64,
    }

    impl ProvideCredentials for Hourly {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
            if call > 2 {
                return future::ProvideCredentials::ready(Err(CredentialsError::provider_error(
                    "the instance does not answer",
                )));
            }
            let expires = self.begin + Duration::from_secs(3_600 * call);
            let found =
                Credentials::new(format!("key-{call}"), "secret", None, Some(expires), "test");
            future::ProvideCredentials::ready(Ok(found))
        }
    }

    #[tokio::test]
    async fn credentials_are_kept_renewed_early_and_used_to_their_end() {
        let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let provider = Hourly {
            begin,
            calls: AtomicU64::new(0),
        };
        let chain = Chain::new(Some(SharedCredentialsProvider::new(provider)));
        let at = |seconds: u64| begin + Duration::from_secs(seconds);
        for (seconds, key) in [
            (0, "key-1"),
            (3_299, "key-1"),
            (3_301, "key-2"),
            (6_899, "key-2"),
            // Renewing fails now, but they still hold for five minutes.
            (6_901, "key-2"),
            (7_199, "key-2"),
        ] {
            assert_eq!(
                chain.at(at(seconds)).await.unwrap().key_id,
                key,
                "{seconds}"
            );
        }
        let error = chain.at(at(7_201)).await.unwrap_err().to_string();
        assert!(error.contains("the instance does not answer"), "{error}");
        assert!(!format!("{chain:?}").contains("secret"));
    }
}
