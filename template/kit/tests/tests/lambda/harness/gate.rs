//! The way to the database: a TCP proxy that can start late, fail connections, and be
//! interrupted.

use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener as StdListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::postgres::Cluster;
use super::rds::{SSL_REQUEST, message};
use super::tls::Certificates;

/// How the way fails one connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    None,
    /// Accepts it and never answers.
    Silence,
    Reset,
    /// Resets it after the beginning of the TLS handshake.
    ResetInTls,
    /// Closes it when the client has logged in.
    Close,
    /// Answers the login with a FATAL error: SQLSTATE and message.
    Fatal(&'static str, &'static str),
}

/// Forwards connections until dropped, which closes them.
pub struct Gate {
    _runtime: Runtime,
    connections: Arc<AtomicUsize>,
}

/// Returns a free port of 127.0.0.1.
pub fn free_port() -> u16 {
    let listener = StdListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

impl Gate {
    /// Forwards connections to the port `from` of 127.0.0.1 to the cluster.
    pub fn start(from: u16, cluster: &Cluster) -> Self {
        Self::with_faults(Ipv4Addr::LOCALHOST.into(), from, cluster, &[], false)
    }

    /// Fails the first connections in this way. With `forever`, repeats the last fault.
    pub fn with_faults(
        address: IpAddr,
        from: u16,
        cluster: &Cluster,
        faults: &[Fault],
        forever: bool,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind((address, from)));
        let listener = listener.expect("the port is still free");
        let to = cluster.port;
        let acceptor: TlsAcceptor = Certificates {
            ca: cluster.ca.clone(),
            certificate: cluster.admin("SELECT pg_read_file('server.crt')"),
            key: cluster.admin("SELECT pg_read_file('server.key')"),
        }
        .server_config()
        .into();
        let faults = Mutex::new(faults.iter().rev().copied().collect::<Vec<_>>());
        let connections = Arc::<AtomicUsize>::default();
        let count = connections.clone();
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let fault = {
                    let mut faults = faults.lock().unwrap();
                    match (faults.len(), forever) {
                        (1, true) => faults[0],
                        _ => faults.pop().unwrap_or(Fault::None),
                    }
                };
                let acceptor = acceptor.clone();
                // Errors end the connection, which the client notices.
                tokio::spawn(async move { serve(client, to, fault, &acceptor).await });
            }
        });
        Self { _runtime: runtime, connections }
    }

    /// Number of connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut client: TcpStream,
    to: u16,
    fault: Fault,
    acceptor: &TlsAcceptor,
) -> io::Result<()> {
    match fault {
        Fault::None => {
            let mut server = TcpStream::connect(("127.0.0.1", to)).await?;
            copy_bidirectional(&mut client, &mut server).await.map(drop)
        }
        Fault::Silence => {
            tokio::io::copy(&mut client, &mut tokio::io::sink()).await?;
            std::future::pending().await
        }
        Fault::Reset => client.set_zero_linger(),
        Fault::ResetInTls => {
            client.read_exact(&mut [0; SSL_REQUEST.len()]).await?;
            client.write_all(b"S").await?;
            client.read_u8().await?;
            client.set_zero_linger()
        }
        Fault::Close | Fault::Fatal(..) => {
            client.read_exact(&mut [0; SSL_REQUEST.len()]).await?;
            client.write_all(b"S").await?;
            let mut client = acceptor.accept(client).await?;
            message(&mut client, None).await?;
            if let Fault::Fatal(code, text) = fault {
                let body = format!("SFATAL\0VFATAL\0C{code}\0M{text}\0\0");
                let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
                client.write_all(&[b"E", &length[..], body.as_bytes()].concat()).await?;
            }
            client.shutdown().await
        }
    }
}
