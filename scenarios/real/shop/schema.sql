CREATE TABLE items (id INT PRIMARY KEY, name VARCHAR(64), price DECIMAL(8,2), text VARCHAR(4000)) ENGINE=InnoDB;
CREATE TABLE stock (item INT PRIMARY KEY, pieces INT) ENGINE=InnoDB;
INSERT INTO items SELECT seq, CONCAT('Item ', seq), seq / 100, REPEAT('all work and no play <makes> Jack ', 30) FROM seq_4500_to_5000;
INSERT INTO stock SELECT seq, seq % 17 FROM seq_4500_to_5000;
