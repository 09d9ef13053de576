//! A blocking HTTP/1.1 server for the fakes, with a thread for each connection. Written by
//! hand because the fakes must be able to violate the protocol.

use std::io::{BufRead as _, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request, whole.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// The reply of a fake to a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Status, further header lines, body.
    Answer(u16, Vec<(String, String)>, Vec<u8>),
    /// Closes the connection.
    Close,
    /// Waits until the client disconnects.
    Silence,
    /// Status 200 and a Content-Length, without a body.
    NoBody,
}

/// What to do with a new connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Welcome {
    Serve,
    /// Resets it after the first byte of the client.
    Reset,
}

/// Decides about each connection and each request.
pub trait Service: Send + Sync + 'static {
    fn welcome(&self) -> Welcome {
        Welcome::Serve
    }

    fn reply(&self, request: Request) -> Reply;
}

/// Listens until it is dropped.
pub struct Server {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key == name);
        let value = found.next()?.1.as_str();
        assert!(found.next().is_none(), "{name} twice: {self:?}");
        Some(value)
    }
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), Vec::new())
    }
}

impl Server {
    /// Listens on a free port of 127.0.0.1, with TLS if configured.
    pub fn start(service: impl Service, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let (service, stop) = (Arc::new(service), stopped.clone());
        thread::spawn(move || {
            for connection in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (service, tls) = (service.clone(), tls.clone());
                // A client may disconnect.
                thread::spawn(move || serve(connection?, tls, &*service));
            }
        });
        Self { address, stopped }
    }

    /// `127.0.0.1:port`
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    connection: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    service: &impl Service,
) -> std::io::Result<()> {
    // Otherwise the threads of idle connections would never end.
    connection.set_read_timeout(Some(Duration::from_secs(120)))?;
    connection.set_nodelay(true)?;
    if service.welcome() == Welcome::Reset {
        // Closing a socket with unread bytes resets the connection.
        connection.peek(&mut [0])?;
        return Ok(());
    }
    let stream: Box<dyn Stream> = match tls {
        Some(config) => Box::new(StreamOwned::new(
            ServerConnection::new(config).map_err(std::io::Error::other)?,
            connection,
        )),
        None => Box::new(connection),
    };
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream)? {
        match service.reply(request) {
            Reply::Answer(status, headers, body) => {
                let mut head = format!("HTTP/1.1 {status} -\r\nContent-Length: {}\r\n", body.len());
                for (name, value) in headers {
                    head += &format!("{name}: {value}\r\n");
                }
                let answer = [head.as_bytes(), b"\r\n", &body].concat();
                stream.get_mut().write_all(&answer)?;
                stream.get_mut().flush()?;
            }
            Reply::NoBody => {
                let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
                stream.get_mut().write_all(head)?;
                stream.get_mut().flush()?;
                return wait(&mut stream);
            }
            Reply::Silence => return wait(&mut stream),
            Reply::Close => return Ok(()),
        }
    }
    Ok(())
}

/// Reads until the client disconnects.
fn wait(stream: &mut impl Read) -> std::io::Result<()> {
    std::io::copy(stream, &mut std::io::sink()).map(drop)
}

/// Reads the next request; `None` if the client disconnected.
fn read(stream: &mut BufReader<Box<dyn Stream>>) -> std::io::Result<Option<Request>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut lines = lines.into_iter();
    let first = lines.next().unwrap_or_default();
    let mut words = first.split(' ').map(str::to_owned);
    let mut request = Request {
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        ..Request::default()
    };
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(ErrorKind::InvalidData)?;
        let header = (name.to_ascii_lowercase(), value.trim().to_owned());
        request.headers.push(header);
    }
    if request.header("transfer-encoding") == Some("chunked") {
        request.body = chunks(stream)?;
    } else if let Some(length) = request.header("content-length") {
        let length = length.parse().map_err(|_| ErrorKind::InvalidData)?;
        request.body.resize(length, 0);
        stream.read_exact(&mut request.body)?;
    }
    Ok(Some(request))
}

fn chunks(stream: &mut BufReader<Box<dyn Stream>>) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim(), 16).map_err(|_| ErrorKind::InvalidData)?;
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk)?;
        if length == 0 {
            return Ok(body);
        }
        body.extend_from_slice(&chunk[..length]);
    }
}
