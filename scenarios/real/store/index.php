<?php
// A page of the store: an item and twelve others, which are fetched together or, as an ORM may do it, one by one.
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);

$config = require __DIR__ . '/config.php';
$id = (int) ($_GET['n'] ?? 0) % 480;

$db = new mysqli('db', 'store', '', 'store', 3306);
$item = $db->query("SELECT name, price FROM items WHERE id = $id")->fetch_assoc();
for ($i = 0; $i < $config['more']; $i++) {
    $item = $db->query("SELECT name, price FROM items WHERE id = $id")->fetch_assoc();
}
$others = [];
if ($config['together']) {
    $others = $db->query("SELECT name FROM items WHERE id > $id ORDER BY id LIMIT 12")->fetch_all(MYSQLI_ASSOC);
} else {
    for ($i = 1; $i <= 12; $i++) {
        $others[] = $db->query('SELECT name FROM items WHERE id = ' . ($id + $i))->fetch_assoc();
    }
}
$db->close();

$page = "<!doctype html><title>{$item['name']}</title><h1>{$item['name']}</h1><p>{$item['price']}</p>";
foreach ($others as $other) {
    $page .= '<p>' . htmlspecialchars($other['name']) . '</p>';
}
$page = str_pad($page, $config['bytes'], '<!-- all work and no play -->');
header('Content-Type: text/html');
header('Content-Length: ' . strlen($page));
echo $page;
