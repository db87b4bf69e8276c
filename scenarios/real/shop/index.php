<?php
// A page of the shop: an item from the cache, or from the database into the cache, and a little work.
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);

$n = (int) ($_GET['n'] ?? 0);
$id = 4500 + $n % 500;

$cache = new Redis();
$cache->connect('cache', 6379, 1.0);
$item = $cache->get("item:$id");
if ($item === false) {
    $db = new mysqli('db', 'shop', '', 'shop', 3306);
    $row = $db->execute_query('SELECT name, price, text FROM items WHERE id = ?', [$id])->fetch_assoc();
    $stock = $db->execute_query('SELECT pieces FROM stock WHERE item = ?', [$id])->fetch_assoc();
    $db->close();
    $item = json_encode($row + $stock);
    $cache->setex("item:$id", 60, $item);
}
$cache->close();

$item = json_decode($item, true);
$page = "<!doctype html><title>{$item['name']}</title><h1>{$item['name']}</h1><p>{$item['pieces']} pieces at {$item['price']}</p>";
for ($i = 0; $i < 20; $i++) {
    $page .= '<p>' . htmlspecialchars(wordwrap($item['text'], 60)) . '</p>';
}
header('Content-Type: text/html');
header('Content-Length: ' . strlen($page));
echo $page;
