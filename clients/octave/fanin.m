% Asks Fanin how to initialize a layer, fetches those weights and checks what came: in C order,
% to be turned into a column-major array, and with order=F, which Octave reads as it stands.
%
% Octave 7 or newer, and curl: octave-cli fanin.m http://127.0.0.1:8000 \
%   'shape=64,3,7,7&activation=relu&seed=42&name=conv1.weight'

1;  % so that Octave takes the file for a script

function check (holds, varargin)
  if (! holds)
    error (varargin{:});
  endif
endfunction

function text = first_token (text, pattern)
  text = [regexp(text, pattern, "tokens", "once"){:}];
endfunction

% Stores the body at a URL as a file; a refusal (RFC 9457) becomes an error. Gives the headers.
function head = download (url, file)
  quoted = ["'" strrep(url, "'", "'\\''") "'"];
  curl = "curl --silent --show-error --globoff --dump-header - --output";
  [status, head] = system ([curl " " file " " quoted]);
  check (status == 0, "curl ended with %d", status);
  announced = str2double (first_token (head, '(?i)\ncontent-length: *(\d+)'));
  came = stat (file).size;
  check (came == announced, "%d of %d bytes came", came, announced);
  if (isempty (regexp (head, '^HTTP/\S+ 200')))
    fault = jsondecode (fileread (file)).errors(1);
    error ("%s; %s", fault.message, fault.hint);
  endif
endfunction

% Array, written shape and order of a .npy file, version 1, of float32.
function [array, shape, order] = read_npy (file)
  from = fopen (file, "r", "ieee-le");
  check (isequal (fread (from, [1, 7]), [147, double("NUMPY"), 1]), "this is no .npy file");
  fseek (from, 8, SEEK_SET);
  head = fread (from, [1, fread(from, 1, "uint16")], "uint8=>char");
  values = fread (from, Inf, "single=>single");
  fclose (from);
  check (index (head, "'descr': '<f4'"), "this is not float32: %s", strtrim (head));
  shape = sscanf (first_token (head, '\((.*)\)'), "%d,")';
  extents = [shape, 1, 1];  % no Octave array has fewer than two axes
  if (index (head, "'fortran_order': True"))
    order = "F";
    array = reshape (values, extents);
  else
    order = "C";
    array = permute (reshape (values, fliplr (extents)), numel (extents):-1:1);
  endif
endfunction

% What was fetched, in a line, if it is what was recommended for the layer.
function line = fetch (server, layer)
  [id, file] = mkstemp (fullfile (tempdir (), "fanin-XXXXXX"));
  fclose (id);
  cleaner = onCleanup (@() unlink (file));
  download ([server "/recommend?" layer], file);
  recommended = jsondecode (fileread (file));
  url = strrep (recommended.weights_url, "&order=F", "");

  head = download ([server url], file);
  [weights, shape] = read_npy (file);
  asked = sscanf (first_token (url, '[?&]shape=([^&]*)'), "%d,")';
  check (isequal (shape, asked), "shape [%s] came for %s", num2str (shape), url);

  canonical = first_token (head, '(?i)\ncontent-location: *(\S+)');
  if (! isempty (canonical))
    url = canonical;  % it holds the seed, if that was drawn
  endif
  download ([server url "&order=F"], file);
  [same, ~, order] = read_npy (file);
  alike = nnz (shape > 1) < 2;  % then the file says C
  check (order == "F" || alike, "order=F was asked, and C came");
  check (isequal (weights, same), "the two orders hold different numbers");

  values = double (weights(:)) - double (weights(1));  % a constant's deviation is exactly 0
  % A normal's standard error; those of a uniform and a truncated normal are smaller.
  near = 5 * recommended.std / sqrt (2 * numel (values));
  far = "std is %g, but %g was recommended";
  check (abs (std (values, 1) - recommended.std) <= near, far, std (values, 1), recommended.std);
  extents = strjoin (arrayfun (@int2str, shape, "UniformOutput", false), ", ");
  line = sprintf ("%s [%s] float32, std %.6f, recommended %.6f, the same in both orders", ...
                  recommended.scheme, extents, std (values, 1), recommended.std);
endfunction

try
  check (numel (argv ()) == 2, "octave-cli fanin.m http://HOST:PORT 'FIELD=VALUE&FIELD=VALUE'");
  puts ([fetch(argv (){:}) "\n"]);
catch failure
  fputs (stderr, ["fanin: " failure.message "\n"]);
  exit (1);
end_try_catch
