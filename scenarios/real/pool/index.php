<?php
// A page that asks the database once.
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
$db = new mysqli('db', 'app', '', 'app', 3306);
$row = $db->query('SELECT COUNT(*) FROM visits')->fetch_row();
header('Content-Type: text/plain');
echo "visits: $row[0]\n";
