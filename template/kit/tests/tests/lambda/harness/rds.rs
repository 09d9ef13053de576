//! The IAM authentication of Amazon RDS. A proxy terminates TLS, accepts the token, and sends
//! the role's real password to the server. <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html>

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::postgres::{Cluster, PASSWORD};
use super::tls::Certificates;

/// "SSLRequest" of PostgreSQL's protocol, with its length.
pub const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Listens until it is dropped.
pub struct Rds {
    _runtime: Runtime,
    address: SocketAddr,
    tokens: Arc<Mutex<Vec<String>>>,
}

impl Rds {
    /// Starts a proxy for a server. With `refuses` it refuses tokens, as for a role without
    /// `rds_iam`.
    pub fn start(cluster: &Cluster, certificates: &Certificates, refuses: bool) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let tokens = Arc::new(Mutex::default());
        let proxy = Proxy {
            acceptor: certificates.server_config().into(),
            upstream: cluster.port,
            refuses,
            tokens: Arc::clone(&tokens),
        };
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let proxy = proxy.clone();
                // Errors end the connection, which the client notices.
                tokio::spawn(async move { proxy.serve(client).await });
            }
        });
        Self { _runtime: runtime, address, tokens }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Passwords that clients sent, in order.
    pub fn tokens(&self) -> Vec<String> {
        self.tokens.lock().unwrap().clone()
    }
}

#[derive(Clone)]
struct Proxy {
    acceptor: TlsAcceptor,
    upstream: u16,
    refuses: bool,
    tokens: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let mut request = [0; 8];
        client.read_exact(&mut request).await?;
        if request != SSL_REQUEST {
            return Err(ErrorKind::ConnectionRefused.into());
        }
        client.write_all(b"S").await?;
        let mut client = self.acceptor.accept(client).await?;
        let mut server = TcpStream::connect(("127.0.0.1", self.upstream)).await?;

        // Only the startup message has no tag.
        let startup = message(&mut client, None).await?;
        server.write_all(&startup).await?;
        let question = message(&mut server, Some(b'R')).await?;
        client.write_all(&question).await?;
        let token = message(&mut client, Some(b'p')).await?;
        let token = String::from_utf8_lossy(&token[5..token.len() - 1]).into_owned();
        let is_token = token.contains("X-Amz-Signature=");
        self.tokens.lock().unwrap().push(token);
        let password = match self.refuses || !is_token {
            true => "wrong",
            false => PASSWORD,
        };
        let length = u32::try_from(password.len() + 5).unwrap().to_be_bytes();
        server.write_all(&[b"p", &length[..], password.as_bytes(), b"\0"].concat()).await?;
        copy_bidirectional(&mut client, &mut server).await.map(drop)
    }
}

/// Reads the next message, which must have the tag.
pub async fn message(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    tag: Option<u8>,
) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    if let Some(tag) = tag {
        message.push(stream.read_u8().await?);
        if message != [tag] {
            return Err(ErrorKind::InvalidData.into());
        }
    }
    let length = stream.read_u32().await?;
    message.extend(length.to_be_bytes());
    let rest = usize::try_from(length).unwrap().saturating_sub(4);
    let start = message.len();
    message.resize(start + rest, 0);
    stream.read_exact(&mut message[start..]).await?;
    Ok(message)
}
