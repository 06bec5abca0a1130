# The YAML of a NoCloud seed, as far as this guest follows it, turned into plain files.
# Called with -v file=meta-data|user-data|network-config -v dir=/run/seed/ (net/ inside it is there).
# Block maps and lists, flow lists of scalars; plain, quoted and literal scalars. What it does not know it skips.
# Nothing of the seed is evaluated: values become contents of files, and the names of those come from this program.

# --- scalars
function byte(code) { return sprintf("%c", code) }
function tail(code) { return byte(128 + int(code) % 64) }
function utf8(code) {
  if (code < 128) return byte(code)
  if (code < 2048) return byte(192 + int(code / 64)) tail(code)
  if (code < 65536) return byte(224 + int(code / 4096)) tail(code / 64) tail(code)
  return byte(240 + int(code / 262144)) tail(code / 4096) tail(code / 64) tail(code)
}
function hex(digits,   value, i) {
  for (i = 1; i <= length(digits); i++)
    value = value * 16 + index("0123456789abcdef", tolower(substr(digits, i, 1))) - 1
  return value
}
function unescaped(rest,   result, i, sign, width) {
  while (i = index(rest, "\\")) {
    sign = substr(rest, i + 1, 1)
    result = result substr(rest, 1, i - 1)
    rest = substr(rest, i + 2)
    width = sign == "x" ? 2 : sign == "u" ? 4 : sign == "U" ? 8 : 0
    result = result (width ? utf8(hex(substr(rest, 1, width))) : sign in escapes ? escapes[sign] : sign)
    rest = substr(rest, width + 1)
  }
  return result rest
}
function scalar(text,   quote) {
  quote = substr(text, 1, 1)
  if (quote == "\"") { sub(/"[ \t]*(#[^"]*)?$/, "", text); return unescaped(substr(text, 2)) }
  if (quote == "'") { sub(/'[ \t]*(#[^']*)?$/, "", text); text = substr(text, 2); gsub(/''/, "'", text); return text }
  sub(/[ \t]+#.*$/, "", text)
  sub(/[ \t]+$/, "", text)
  return text == "~" || text == "null" ? "" : text
}
function closed(text,   quote) {   # a quoted scalar may go on in the next line
  quote = substr(text, 1, 1)
  if (quote == "\"") { gsub(/\\./, "", text); return text ~ /^"[^"]*"/ }
  if (quote == "'") { gsub(/''/, "", text); return text ~ /^'[^']*'/ }
  return 1
}

# --- structure: a stack of keys and list items, each with its column
function pop(column) { while (depth && at[depth] >= column) depth-- }
function push(column, type, text) { depth++; at[depth] = column; kind[depth] = type; name[depth] = text }
function path(   i, result) {
  for (i = 1; i <= depth; i++) result = result (i > 1 ? "." : "") name[i]
  return result
}
function flush() {
  if (pending) found(where, literal ? text : scalar(text))
  pending = literal = 0
}
function begin(rest) {
  where = path()
  if (rest ~ /^[|>][-+0-9]*[ \t]*(#.*)?$/) { pending = literal = 1; margin = -1; text = "" }
  else if (rest ~ /^\[/) flow_list(rest)
  else if (rest != "" && rest !~ /^[#{&*!]/) { pending = 1; text = rest }
}
function flow_list(rest,   i, sign, quote, item, count) {
  sub(/^\[[ \t]*/, "", rest)
  sub(/[ \t]*\][ \t]*(#.*)?$/, "", rest)
  if (rest == "") return
  for (i = 1; i <= length(rest); i++) {
    sign = substr(rest, i, 1)
    if (quote == "\"" && sign == "\\") { item = item sign substr(rest, ++i, 1); continue }
    if (quote ? sign == quote : item == "" && (sign == "\"" || sign == "'")) quote = quote ? "" : sign
    if (sign == "," && !quote) { found(where "." count++, scalar(item)); item = "" }
    else if (item != "" || sign !~ /[ \t]/) item = item sign
  }
  found(where "." count + 0, scalar(item))
}

# --- meaning
function line_of(value) { gsub(/[\r\n]+/, " ", value); return value }
function put(target, value) { print line_of(value) >(dir target) }
function shell_quoted(value) { gsub(/'/, "'\\''", value); return "'" value "'" }
function file_name(value) { gsub(/[^A-Za-z0-9:]/, "_", value); return tolower(value) }

function found(where, value,   part, n) {
  n = split(where, part, ".")
  if (file == "network-config") network(part, value)
  else if (file == "user-data") config(where, part, n, value)
  else if (where == "instance-id" || where == "local-hostname") put(where, value)
}
function config(where, part, n, value) {
  if (where == "hostname" || where == "ssh_pwauth") put(where, value)
  else if (where == "user" || where == "user.name") put("user", value)
  else if (where == "password") put("passwords", "*:" value)
  else if (part[1] == "ssh_authorized_keys") put("keys", "* " value)
  else if (part[1] == "runcmd") command(part, n, value)
  else if (part[1] == "users") person(part, n, value)
  else if (part[1] == "chpasswd") passwords(part, value)
}
function command(part, n, value) {   # a string is a line of shell, a list is one command's words
  if (n == 2) printf "\n(\n%s\n)\n", value >(dir "run")
  else printf "%s%s", part[3] == 0 ? "\n" : " ", shell_quoted(value) >(dir "run")
}
function person(part, n, value) {
  if (n == 2 || part[3] == "name") { login[part[2]] = value; if (value != "default") put("people", value) }
  else if (part[3] == "ssh_authorized_keys") put("keys", login[part[2]] " " value)
  else if (part[3] ~ /passwd$/ && part[3] != "lock_passwd") put("passwords", login[part[2]] ":" value)
}
function passwords(part, value,   lines, count, i) {
  if (part[2] == "list") {
    count = split(value, lines, "\n")
    for (i = 1; i <= count; i++) if (lines[i] ~ /:/) put("passwords", lines[i])
  }
  else if (part[4] == "name") changed = value
  else if (part[4] == "password") put("passwords", changed ":" value)
}
function network(part, value,   i, word) {
  i = part[1] == "network" ? 1 : 0
  if (part[1 + i] != "ethernets") return
  word = part[3 + i]
  if (word == "match" && part[4 + i] == "macaddress") mac[part[2 + i]] = value
  if (word == "addresses") word = "address"
  else if (word ~ /^gateway[46]$/ || (word == "routes" && part[5 + i] == "via")) word = "gateway"
  else if (word == "nameservers" && part[4 + i] == "addresses") word = "nameserver"
  else if (word != "dhcp4" || value != "true") return
  net[part[2 + i]] = net[part[2 + i]] word " " line_of(value) "\n"
}

BEGIN {
  escapes["n"] = "\n"; escapes["t"] = "\t"; escapes["r"] = "\r"; escapes["e"] = "\033"; escapes["0"] = ""
  escapes["a"] = "\a"; escapes["b"] = "\b"; escapes["f"] = "\f"; escapes["v"] = "\v"
  escapes["N"] = utf8(133); escapes["_"] = utf8(160); escapes["L"] = utf8(8232); escapes["P"] = utf8(8233)
}
{ sub(/\r$/, ""); match($0, /^ */); column = RLENGTH; rest = substr($0, column + 1) }
literal {
  if (rest ~ /^[ \t]*$/) { text = text "\n"; next }
  if (margin < 0 && column > at[depth]) margin = column
  if (margin >= 0 && column >= margin) { text = text substr($0, margin + 1) "\n"; next }
}
pending && !literal && (!closed(text) || (column > at[depth] && rest !~ /^(- |#|[A-Za-z0-9_.-]+:( |$))/)) {
  if (rest != "") text = text " " rest
  next
}
rest ~ /^[ \t]*(#.*)?$/ || /^(---|\.\.\.)/ { next }
{
  flush()
  while (rest ~ /^-( |$)/) {
    pop(column + 1)   # a list may stand at the column of its own key
    if (depth && kind[depth] == "item" && at[depth] == column) name[depth]++
    else push(column, "item", 0)
    match(rest, /^- */)
    column += RLENGTH
    rest = substr(rest, RLENGTH + 1)
  }
  if (match(rest, /^[A-Za-z0-9_.-]+:( +|$)/)) {
    pop(column)
    key = substr(rest, 1, RLENGTH)
    sub(/: *$/, "", key)
    push(column, "key", key)
    rest = substr(rest, RLENGTH + 1)
  }
  begin(rest)
}
END {
  flush()
  for (card in net) printf "%s", net[card] >(dir "net/" file_name(card in mac ? mac[card] : card))
}
