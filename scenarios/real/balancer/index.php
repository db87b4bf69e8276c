<?php
// Takes an order.
header('Content-Type: text/plain');
echo "thank you\n";
