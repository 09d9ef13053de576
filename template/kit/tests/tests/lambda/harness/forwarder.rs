//! A TCP proxy that can start late and be interrupted.

use std::net::TcpListener as StdListener;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// Forwards connections until dropped, which closes them.
pub struct Forwarder {
    _runtime: Runtime,
}

/// Returns a free port of 127.0.0.1.
pub fn free_port() -> u16 {
    let listener = StdListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

impl Forwarder {
    /// Forwards connections to the port `from` of 127.0.0.1 to the port `to`.
    pub fn start(from: u16, to: u16) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", from)));
        let listener = listener.expect("the port is still free");
        runtime.spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", to)).await?;
                    copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Self { _runtime: runtime }
    }
}
