//! Asks Fanin how to initialize a layer, fetches those weights and checks what came.
//!
//! Rust 1.63 or newer and its standard library: `rustc -O fanin.rs`, then
//! `./fanin http://127.0.0.1:8000 'shape=64,3,7,7&activation=relu&seed=42&name=conv1.weight'`.

use std::io::{BufRead, BufReader, Read, Write};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn check(holds: bool, otherwise: String) -> Fallible<()> {
    holds.then_some(()).ok_or_else(|| otherwise.into())
}

/// The body at a path of `server`, which is `http://host:port`; a refusal becomes an error.
fn get(server: &str, path: &str) -> Fallible<Vec<u8>> {
    let host = server.strip_prefix("http://").ok_or("the server is http://host:port")?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let mut stream = BufReader::new(std::net::TcpStream::connect(host)?);
    stream.get_mut().write_all(request.as_bytes())?;
    let (mut head, mut body) = (String::new(), Vec::new());
    while stream.read_line(&mut head)? > "\r\n".len() {}
    stream.read_to_end(&mut body)?;
    let length = |line: &str| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok();
    let length = head.to_ascii_lowercase().lines().find_map(length).ok_or("no Content-Length")?;
    check(body.len() == length, format!("{} of {length} bytes came", body.len()))?;
    if !head.starts_with("HTTP/1.1 200 ") {
        let problem = String::from_utf8(body)?;
        let told = |name| member(&problem, 3, name);
        return Err(format!("{}; {}", told("message")?, told("hint")?).into());
    }
    Ok(body)
}

/// The text of the first member of this name that is `depth` brackets deep, its escapes left
/// as they are: no JSON parser, but enough for Fanin's answers.
fn member<'a>(json: &'a str, depth: i32, name: &str) -> Fallible<&'a str> {
    let (mut level, mut inside, mut escaped) = (0, false, false);
    let mut pieces = json.split(|c| {
        inside ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        let before = level;
        level += i32::from(!inside && "{[".contains(c)) - i32::from(!inside && "]}".contains(c));
        !inside && before.max(level) == depth && "{[:,]}".contains(c)
    });
    let found = pieces.any(|piece| piece.trim() == format!("\"{name}\""));
    check(found, format!("no {name} in {json}"))?;
    Ok(pieces.next().unwrap_or("").trim().trim_matches('"'))
}

/// The extents of a shape written with commas; a scalar has none.
fn extents(shape: &str) -> Vec<usize> {
    shape.split(',').filter_map(|extent| extent.trim().parse().ok()).collect()
}

/// Shape and values of a .npy file, version 1, of float32 in C order.
fn parse_npy(file: &[u8]) -> Fallible<(Vec<usize>, Vec<f32>)> {
    let npy = file.len() > 10 && file.starts_with(b"\x93NUMPY\x01");
    check(npy, "this is no .npy file".into())?;
    let start = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
    let head = std::str::from_utf8(file.get(10..start).ok_or("the head is cut off")?)?.trim();
    let float32 = head.contains("'descr': '<f4', 'fortran_order': False");
    check(float32, format!("this is not float32 in C order: {head}"))?;
    let shape = extents(head.split(&['(', ')'][..]).nth(1).unwrap_or(""));
    let values = file[start..].chunks_exact(4);
    Ok((shape, values.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()))
}

/// The standard deviation, of differences to the first value: a constant's is exactly 0.
fn std(values: &[f32]) -> f64 {
    let differences = || values.iter().map(|x| f64::from(*x) - f64::from(values[0]));
    let mean = differences().sum::<f64>() / values.len() as f64;
    (differences().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

/// What was fetched, in a line, if it is what was recommended for the layer.
fn fetch(server: &str, layer: &str) -> Fallible<String> {
    let advice = String::from_utf8(get(server, &format!("/recommend?{layer}"))?)?;
    let told = |name| member(&advice, 1, name);
    let (scheme, url, recommended) = (told("scheme")?, told("weights_url")?, told("std")?);
    let (shape, values) = parse_npy(&get(server, url)?)?;
    let asked = url.split(&['?', '&'][..]).find_map(|field| field.strip_prefix("shape="));
    let whole = asked.map(extents).as_ref() == Some(&shape);
    let whole = whole && values.len() == shape.iter().product();
    check(whole, format!("{} values of shape {shape:?} came for {url}", values.len()))?;
    let (measured, recommended) = (std(&values), recommended.parse::<f64>()?);
    // A normal's standard error; those of a uniform and a truncated normal are smaller.
    let near = 5.0 * recommended / (2.0 * values.len() as f64).sqrt();
    let far = format!("std is {measured}, but {recommended} was recommended");
    check((measured - recommended).abs() <= near, far)?;
    Ok(format!("{scheme} {shape:?} float32, std {measured:.6}, recommended {recommended:.6}"))
}

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().collect();
    check(arguments.len() == 3, "fanin http://HOST:PORT 'FIELD=VALUE&FIELD=VALUE'".into())?;
    println!("{}", fetch(&arguments[1], &arguments[2])?);
    Ok(())
}
