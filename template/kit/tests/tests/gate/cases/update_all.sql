--- dangerous update-all-rows
UPDATE users SET nickname = name;
--- safe
UPDATE users SET nickname = name WHERE id = 7;
