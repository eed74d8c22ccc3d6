# What both acts of the demo ask for: small, pure, held-out functions of packages whose tests take less than a second. Packages
# that testing itself imports are not among them, because Go compiles these again for each test file.
packages='^(container|encoding/(ascii85|base|csv|hex|pem)|hash/(adler|crc|fnv)|html|image/(color|draw)|index|mime|text)/'
items=(--unit function --split leakfree:validation+test --paths "$packages" --budget 700 --cross-file-tokens 0)
[ -n "${ALL:-}" ] || items+=(--limit "${FUNCTIONS:-24}")
