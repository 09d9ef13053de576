//! Opens connections to the database server: name, addresses, TCP, TLS.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Error, Result, bail};
use rds::{DatabaseSettings, Tls};
use rustix::net::sockopt;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::patience::{Silence, may_pass};

/// `SSLRequest` of PostgreSQL's protocol, with its length.
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// Detects a network that drops everything, in 15 s. Also keeps firewalls from closing an idle
/// connection.
const KEEPALIVE: Duration = Duration::from_secs(5);
const KEEPALIVES: u32 = 2;

/// A connection, encrypted or not.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}
pub type Stream = Box<dyn Wire>;

/// The server of a database.
#[derive(Clone)]
pub struct Server {
    host: String,
    port: u16,
    /// Path of the trusted certificates; `None` without TLS.
    ca_bundle: Option<PathBuf>,
    /// Time-out for one address.
    attempt: Duration,
}

impl Server {
    pub fn new(settings: &DatabaseSettings, attempt: Duration) -> Self {
        let ca_bundle = match &settings.tls {
            Tls::Disable => None,
            Tls::VerifyFull { ca_bundle } => Some(ca_bundle.clone()),
        };
        Self { host: settings.host.clone(), port: settings.port, ca_bundle, attempt }
    }

    /// Connects to the first address that works, and passes the connection to `login`.
    ///
    /// # Errors
    /// When no address works: the error of one where waiting will not help, if there is one.
    pub async fn connect<T, F>(&self, login: impl Fn(Stream) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let tls = self.ca_bundle.as_deref().map(connector).transpose()?;
        let found = timeout(self.attempt, lookup_host((&*self.host, self.port))).await;
        let addresses = found.map_err(|_| Silence(self.attempt)).context("the resolver")??;
        let mut failed: Option<Error> = None;
        for address in addresses {
            let attempt = async { login(self.open(address, tls.as_ref()).await?).await };
            let error = match timeout(self.attempt, attempt).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => error,
                Err(_) => Error::new(Silence(self.attempt)),
            };
            let error = self.explain(error).context(address);
            if failed.as_ref().is_none_or(may_pass) {
                failed = Some(error);
            }
        }
        Err(failed.context("the host has no address")?)
    }

    async fn open(&self, address: SocketAddr, tls: Option<&TlsConnector>) -> Result<Stream> {
        let mut tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        sockopt::set_socket_keepalive(&tcp, true)?;
        sockopt::set_tcp_keepidle(&tcp, KEEPALIVE)?;
        sockopt::set_tcp_keepintvl(&tcp, KEEPALIVE)?;
        sockopt::set_tcp_keepcnt(&tcp, KEEPALIVES)?;
        let Some(tls) = tls else { return Ok(Box::new(tcp)) };
        tcp.write_all(&SSL_REQUEST).await?;
        if tcp.read_u8().await? != b'S' {
            bail!("the server does not offer TLS (DB_SSLMODE=disable connects without)");
        }
        let name = ServerName::try_from(self.host.clone())
            .context("DB_HOST cannot be the name in a certificate")?;
        Ok(Box::new(tls.connect(name, tcp).await?))
    }

    fn explain(&self, error: Error) -> Error {
        match &self.ca_bundle {
            Some(bundle) if format!("{error:#}").contains("invalid peer certificate") => error
                .context(format!(
                    "its certificate is not trusted: DB_HOST must be the name in it, and \
                     DB_CA_BUNDLE, {}, hold the authority that signed it",
                    bundle.display()
                )),
            _ => error,
        }
    }
}

fn connector(ca_bundle: &Path) -> Result<TlsConnector> {
    let pem = fs::read(ca_bundle)
        .with_context(|| format!("cannot read DB_CA_BUNDLE, {}", ca_bundle.display()))?;
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_slice_iter(&pem);
    roots.add_parsable_certificates(certificates.filter_map(Result::ok));
    if roots.is_empty() {
        bail!("DB_CA_BUNDLE, {}, holds no certificate", ca_bundle.display());
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(Arc::new(config).into())
}
