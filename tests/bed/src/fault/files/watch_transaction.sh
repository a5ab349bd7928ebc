# Stops a host's PID 1 as soon as a transaction is announced in it. Ends when $1 is removed or the host is down.
run=/proc/$2/root/run/bed
while [ -e "$1" ] && [ -e "$run" ]; do
    if [ -e "$run/transaction" ]; then
        kill -STOP "$2"
        break
    fi
    sleep 0.02
done
rm -f "$1" "$run/transaction-gate" "$run/transaction"
