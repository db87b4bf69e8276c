CREATE TABLE items (id INT PRIMARY KEY, name VARCHAR(64), price DECIMAL(8,2)) ENGINE=InnoDB;
INSERT INTO items SELECT seq, CONCAT('Item ', seq), seq / 100 FROM seq_0_to_500;
