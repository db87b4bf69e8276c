<?php
function burn(int $n): int { $x = 88172645463325252; for ($i = 0; $i < $n; $i++) { $x ^= ($x << 13); $x ^= ($x >> 7) & 0x01ffffffffffffff; $x ^= ($x << 17); } return $x; }
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
$db = new mysqli('db', 'app', '', 'app', 3306);
for ($q = 0; $q < 3; $q++) {
  burn(4000);
  $r = $db->query("SELECT id, name, payload FROM items WHERE id = " . (4711 + $q));
  $row = $r->fetch_row();
  if (!$row || $row[0] != 4711 + $q) { http_response_code(500); echo "bad row\n"; exit; }
}
$db->close();
header("Content-Type: text/plain"); header("Content-Length: 24000");
echo substr(str_repeat("The quick brown fox jumps over the lazy dog; 0123456789 and again\n", 400), 0, 24000);
