import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { request } from "../api/client";
import { drawScaled } from "./draw";

/** A picture at an address of the service, which may need the key. */
export function RemotePicture({ address, label }: { address: string; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { data } = useQuery({
    queryKey: ["picture", address],
    queryFn: async () => createImageBitmap(await (await request(address)).blob()),
    staleTime: Number.POSITIVE_INFINITY,
  });
  useEffect(() => {
    if (canvas.current === null || data === undefined) return;
    canvas.current.width = data.width;
    canvas.current.height = data.height;
    const whole = { left: 0, top: 0, width: data.width, height: data.height };
    drawScaled(canvas.current, data, whole, false);
  }, [data]);
  return <canvas ref={canvas} className="picture shown smooth" role="img" aria-label={label} />;
}
