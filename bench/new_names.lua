-- Another tensor with each request: its own seed and name, none ever asked for twice.
-- wrk ... -s new_names.lua URL -- FIRST

local number

function init(arguments)
    number = tonumber(arguments[1])
end

function request()
    number = number + 1
    return wrk.format("GET", string.format(
        "/v1/weights.npy?shape=64,64&scheme=he_normal&seed=%d&name=layer%d.weight", number, number))
end
